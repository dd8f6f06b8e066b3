"""Test a trained model on corrupted clips.

T frames of a clip, H x W their pixels.
"""
import copy
import json
from pathlib import Path
from typing import Dict, List, Mapping, Optional, Sequence

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmengine.config import Config
from mmengine.runner import Runner
from mmpose.registry import TRANSFORMS

from mmpose_tdmi.structures import FrameWindow
from mmpose_tdmi.utils.files import write_json
from projects import is_kept_by_git

#: The suite: options of :class:`CorruptFrames` by name.
CORRUPTIONS: Mapping[str, Optional[dict]] = {
    'clean': None,
    'dropped': dict(kind='drop'),
    'duplicated': dict(kind='duplicate'),
    'frozen': dict(kind='freeze'),
    'shuffled': dict(kind='shuffle'),
    'noisy': dict(kind='noise'),
    'blurred': dict(kind='blur'),
    'key dropped': dict(kind='drop', frames='key'),
    'key noisy': dict(kind='noise', frames='key'),
    'key blurred': dict(kind='blur', frames='key'),
}


def corrupted(config: Config, options: Optional[dict]) -> Config:
    """A config whose test clips are corrupted.

    Args:
        config (Config): A config; it stays as it is.
        options (dict, optional): Options of :class:`CorruptFrames`; None for
            no corruption.

    Returns:
        Config: The changed copy.

    Raises:
        ValueError: If the test pipeline loads no frame sequence.
    """
    config = copy.deepcopy(config)
    if options is None:
        return config
    pipeline = config.test_dataloader.dataset.pipeline
    places = [
        i for i, step in enumerate(pipeline)
        if step['type'] == 'LoadFrameSequence'
    ]
    if len(places) != 1:
        raise ValueError(
            'the test pipeline must have one LoadFrameSequence, found '
            f'{len(places)} in {[step["type"] for step in pipeline]}')
    pipeline.insert(places[0] + 1, dict(type='CorruptFrames', **options))
    return config


def fewer_videos(config: Config, count: int, folder: Path) -> Config:
    """A config that is tested on some of its videos.

    Args:
        config (Config): A config whose dataset and metric read one merged
            annotation; it stays as it is.
        count (int): How many videos, evenly taken in the order of the
            annotation.
        folder (Path): Where their annotation is written.

    Returns:
        Config: The changed copy.

    Raises:
        ValueError: If there are no so many videos.
    """
    config = copy.deepcopy(config)
    path = Path(config.test_evaluator.ann_file)
    content = json.loads(path.read_text(encoding='utf-8'))
    videos = list(dict.fromkeys(i['vid_id'] for i in content['images']))
    if not 1 <= count <= len(videos):
        raise ValueError(f'{path} has {len(videos)} videos, asked for {count}')
    kept = {videos[i * len(videos) // count] for i in range(count)}
    content['images'] = [i for i in content['images'] if i['vid_id'] in kept]
    images = {image['id'] for image in content['images']}
    content['annotations'] = [
        a for a in content['annotations'] if a['image_id'] in images
    ]
    chosen = Path(folder).resolve() / f'{path.stem}_{count}_videos.json'
    write_json(chosen, content, is_kept_by_git(chosen))
    config.test_evaluator.ann_file = str(chosen)
    config.test_dataloader.dataset.ann_file = str(chosen)
    return config


def run_corruptions(config: Config,
                    checkpoint: Path,
                    work_dir: Path,
                    names: Sequence[str] = tuple(CORRUPTIONS),
                    metric: str = 'posetrack/mAP') -> Dict[str, float]:
    """Test a model under each corruption.

    Args:
        config (Config): Its config, with a test dataloader.
        checkpoint (Path): Its weights.
        work_dir (Path): Folder for logs.
        names (Sequence[str]): Of :data:`CORRUPTIONS`. Defaults to all.
        metric (str): The metric's name. Defaults to ``'posetrack/mAP'``.

    Returns:
        dict[str, float]: The metric by name, percent.

    Raises:
        ValueError: If the evaluator does not give the metric.
    """
    results = {}
    for name in names:
        changed = corrupted(config, CORRUPTIONS[name])
        changed.test_evaluator.pop('out_dir', None)
        changed.work_dir = str(work_dir)
        changed.load_from = str(checkpoint)
        # a runner of its own for each, which has a name of its own
        changed.experiment_name = f'corruption_{name.replace(" ", "_")}'
        figures = Runner.from_cfg(changed).test()
        if metric not in figures:
            raise ValueError(f'the evaluator gives {sorted(figures)}, not '
                             f'{metric!r}')
        results[name] = round(float(figures[metric]), 2)
    return results


@TRANSFORMS.register_module()
class CorruptFrames(BaseTransform):
    """Corrupt the supporting frames of a clip, or its key frame.

    To be put right after :class:`LoadFrameSequence` of a test pipeline. The
    same sample is always corrupted in the same way.

    Required Keys:

        - img (modified), frame_offsets, id (``'noise'`` and ``'shuffle'``)

    Args:
        kind: ``'drop'``, frames are black; ``'noise'``, Gaussian noise is
            added; ``'blur'``, Gaussian blur. For supporting frames also:
            ``'freeze'``, they show the key frame; ``'duplicate'``, each shows
            what the one next to it away from the key frame shows (the
            outermost stay); ``'shuffle'``, their order is random;
            ``'reverse'``, the clip runs backwards around the key frame.
        frames: ``'supporting'`` (all but the key frame) or ``'key'``.
        severity: Noise: standard deviation in grey levels, by default 40;
            blur: standard deviation in per cent of the image's height, by
            default 2. The others have none.
        seed: Seed of noise and order.
    """

    EITHER = ('drop', 'noise', 'blur')
    SUPPORTING_ONLY = ('freeze', 'duplicate', 'shuffle', 'reverse')
    SEVERITIES = dict(noise=40., blur=2.)

    def __init__(self,
                 kind: str,
                 frames: str = 'supporting',
                 severity: Optional[float] = None,
                 seed: int = 0) -> None:
        if frames not in ('supporting', 'key'):
            raise ValueError("frames must be 'supporting' or 'key', got "
                             f'{frames!r}')
        allowed = self.EITHER + self.SUPPORTING_ONLY * (frames == 'supporting')
        if kind not in allowed:
            raise ValueError(f'kind must be one of {allowed} for {frames} '
                             f'frames, got {kind!r}')
        if severity is not None:
            if kind not in self.SEVERITIES:
                raise ValueError(f'kind {kind!r} has no severity, got '
                                 f'{severity!r}')
            if not 0 < severity < float('inf'):
                raise ValueError(
                    f'severity must be a positive number, got {severity!r}')
        self.kind = kind
        self.frames = frames
        self.severity = severity or self.SEVERITIES.get(kind)
        self.seed = seed

    def transform(self, results: dict) -> dict:
        frames = results['img']
        key = FrameWindow(tuple(results['frame_offsets'])).key
        if self.kind in self.EITHER:
            results['img'] = [
                self._changed(frame, t, results) if
                (t == key) == (self.frames == 'key') else frame
                for t, frame in enumerate(frames)
            ]
        else:
            order = self._order(results, key)
            results['img'] = [frames[t].copy() for t in order]
        return results

    def _order(self, results: dict, key: int) -> List[int]:
        """Which frame each place shows."""
        last = len(results['img']) - 1
        supporting = [t for t in range(last + 1) if t != key]
        if self.kind == 'freeze':
            shown = [key] * last
        elif self.kind == 'duplicate':
            towards = np.where(np.array(supporting) < key, -1, 1)
            shown = np.clip(supporting + towards, 0, last).tolist()
        elif self.kind == 'reverse':
            shown = supporting[::-1]
        else:
            shown = self._rng(results, 0).permutation(supporting).tolist()
        return [*shown[:key], key, *shown[key:]]

    def _changed(self, frame: np.ndarray, place: int,
                 results: dict) -> np.ndarray:
        if self.kind == 'drop':
            return np.zeros_like(frame)
        if self.kind == 'blur':
            sigma = self.severity / 100 * frame.shape[0]
            return cv2.GaussianBlur(frame, (0, 0), sigma)
        noise = self._rng(results, place).normal(0, self.severity, frame.shape)
        changed = np.clip(frame + noise, 0, 255)
        if frame.dtype == np.uint8:
            changed = np.rint(changed)
        return changed.astype(frame.dtype)

    def _rng(self, results: dict, place: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, int(results['id']), place])

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(kind={self.kind!r}, '
                f'frames={self.frames!r}, severity={self.severity}, '
                f'seed={self.seed})')
