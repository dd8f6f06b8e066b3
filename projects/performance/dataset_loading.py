"""Ways to load a dataset's samples, and what they cost.

Shape shorthand: none.
"""
import copy
import time
from statistics import median
from typing import Callable, Dict, List, NamedTuple, Set, Sized, Tuple

import numpy as np
from mmengine.dataset import Compose, DefaultSampler
from mmpose.registry import TRANSFORMS

from mmpose_tdmi.datasets import (BaseSequenceDataset, FrameGroupSampler,
                                  WorkerRunBatchSampler)

#: What the host's base class adds to a sample from the metainfo.
_META_KEYS = ('upper_body_ids', 'lower_body_ids', 'flip_pairs', 'dataset_name',
              'dataset_keypoint_weights', 'flip_indices', 'skeleton_links')

Batches = Callable[[], List[List[int]]]


class Case(NamedTuple):
    """A way to load samples.

    Attributes:
        name (str): What it is called.
        pipeline (list[dict]): The transforms.
        batches (Callable): Gives each batch's indices.
        workers (int): Batches are dealt out to so many in turn, each with a
            pipeline of its own. Defaults to 1.
    """
    name: str
    pipeline: List[dict]
    batches: Batches
    workers: int = 1


class Cost(NamedTuple):
    """What a case costs.

    Attributes:
        decodes (int): Files decoded.
        frames (int): Different frames that samples needed.
        samples (int): Samples loaded.
        seconds (float): The pipelines' time.
    """
    decodes: int
    frames: int
    samples: int
    seconds: float


def cached(pipeline: List[dict], frames: int) -> List[dict]:
    """The pipeline with a cache in whatever loads the frames."""
    return [{
        **t, 'cache_frames': frames
    } if t['type'] in ('LoadFrameSequence', 'LoadTopdownCrops') else t
            for t in pipeline]


def reduced(pipeline: List[dict]) -> List[dict]:
    """The pipeline with its frames loaded last, as large as needed."""
    return _renamed(
        pipeline,
        LoadFrameSequence='LocateFrameSequence',
        TopdownAffine='LoadTopdownCrops')


def single_frame(pipeline: List[dict]) -> List[dict]:
    """MMPose's own for one frame."""
    return _renamed(
        pipeline,
        LoadFrameSequence='LoadImage',
        PackPoseSequenceInputs='PackPoseInputs')


def _renamed(pipeline: List[dict], **names: str) -> List[dict]:
    """Other transforms in place of some, without a cache."""
    return [
        dict({
            key: value
            for key, value in t.items() if key != 'cache_frames'
        },
             type=names.get(t['type'], t['type'])) for t in pipeline
    ]


def resized(pipeline: List[dict], size: Tuple[int, int]) -> List[dict]:
    """The pipeline for another input size."""
    resized = copy.deepcopy(pipeline)
    for transform in resized:
        if 'input_size' in transform:
            transform['input_size'] = size
        if 'encoder' in transform:
            transform['encoder'].update(
                input_size=size, heatmap_size=tuple(s // 4 for s in size))
    return resized


def load_samples(case: Case, dataset: BaseSequenceDataset, limit: int) -> Cost:
    """Load samples, all workers' one after the other in this process.

    Args:
        case (Case): How.
        dataset (BaseSequenceDataset): Without a pipeline of its own.
        limit (int): At most so many for each worker; 0: all.
    """
    pipelines = [build_pipeline(case.pipeline) for _ in range(case.workers)]
    loaded = [0] * case.workers
    frames: Set[str] = set()
    seconds = 0.
    np.random.seed(0)
    for turn, batch in enumerate(case.batches()):
        worker = turn % case.workers
        for index in batch:
            if limit and loaded[worker] == limit:
                break
            sample = raw_sample(dataset, index)
            frames.update(sample['frame_paths'])
            start = time.perf_counter()
            pipelines[worker](sample)
            seconds += time.perf_counter() - start
            loaded[worker] += 1
    decodes = sum(
        transform.files.num_decodes for pipeline in pipelines
        for transform in pipeline.transforms if hasattr(transform, 'files'))
    if case.pipeline[0]['type'] == 'LoadImage':  # the host's has no count
        decodes = sum(loaded)
    return Cost(decodes, len(frames), sum(loaded), seconds)


def build_pipeline(pipeline: List[dict]) -> Compose:
    """The transforms of a config's pipeline."""
    return Compose([TRANSFORMS.build(dict(t)) for t in pipeline])


def raw_sample(dataset: BaseSequenceDataset, index: int) -> dict:
    """What goes into a pipeline."""
    sample = dataset.get_data_info(index)
    sample.update(
        {key: copy.deepcopy(dataset.metainfo[key])
         for key in _META_KEYS})
    return sample


def in_order(size: int, batch_size: int, workers: int, runs: bool) -> Batches:
    """Batches of a test; with ``runs`` each worker has a run of them."""
    dealt = WorkerRunBatchSampler(
        range(size), batch_size, workers if runs else 1)
    return lambda: list(dealt)


def shuffled(dataset: Sized, batch_size: int, group: int) -> Batches:
    """Batches of a training's epoch, in groups of ``group`` samples."""
    sampler = FrameGroupSampler(dataset, group, seed=0) if group > 1 else \
        DefaultSampler(dataset, shuffle=True, seed=0)
    return lambda: list(WorkerRunBatchSampler(sampler, batch_size, 1))


def measure(cases: List[Case],
            dataset: BaseSequenceDataset,
            repeats: int,
            limit: int = 0) -> Dict[str, Cost]:
    """The costs by case, times being medians."""
    found: Dict[str, List[Cost]] = {case.name: [] for case in cases}
    for _ in range(repeats):
        for case in cases:
            found[case.name].append(load_samples(case, dataset, limit))
    return {
        name: costs[0]._replace(seconds=median(c.seconds for c in costs))
        for name, costs in found.items()
    }


def reduced_share(pipeline: List[dict], dataset: BaseSequenceDataset,
                  limit: int) -> float:
    """How many of the drawn crops are larger than twice the input."""
    names = [t['type'] for t in pipeline]
    place = names.index('LoadTopdownCrops')
    before = build_pipeline(pipeline[:place])
    width, height = pipeline[place]['input_size']
    np.random.seed(0)
    ratios = []
    for index in np.random.permutation(len(dataset))[:limit]:
        crop = before(raw_sample(dataset, int(index)))['bbox_scale'][0]
        ratios.append(max(crop / (width, height)))
    return float(np.mean(np.array(ratios) >= 2))
