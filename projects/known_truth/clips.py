"""The benchmark's clips: one training mix, one validation set, known truth.

Videos of the generator's three difficulties lie in one folder in
PoseTrack18's layout, each difficulty in a range of sequence numbers of its
own. All labelled frames of the training videos are trained on. Validation
videos are labelled almost throughout, so that what a joint does in the
neighbours of a *key frame* is known; only the key frames, which have seven
frames around them, are scored. What is known of each of their joints
(:mod:`.slices`) is written with the annotations.

The folder is complete once ``benchmark.json``, written last, is there; an
interrupted generation continues with the videos that are missing.

Shape shorthand: none.
"""
import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Dict, Iterator, List, Tuple

from mmpose_tdmi.datasets.converters.posetrack import (merge_annotations,
                                                       split_image_id)
from mmpose_tdmi.utils.files import write_json
from mmpose_tdmi.utils.parallel import run_tasks
from projects.synthetic.generator import (FIRST_SEQUENCE, VERSION,
                                          generate_video, video_name)
from projects.synthetic.settings import ClipSettings
from .slices import add_slices

#: Distance between the first sequence numbers of two difficulties.
_RANGE = 10000
#: The file that says that a set is complete, and what it was made of.
_RECORD = 'benchmark.json'


@dataclass(frozen=True)
class ClipPlan:
    """What a benchmark's clips are.

    Args:
        train (dict[str, int]): Training videos of each difficulty.
        val (dict[str, int]): Validation videos of each difficulty.
        width (int): Image width in pixels; people come out about as large
            as the models' crops.
        height (int): Image height in pixels.
        frames (int): Frames of a video.
        keys (tuple[int, ...]): The frames, from 0, that are trained on or
            scored.
        margin (int): Frames at either end of a validation video without
            labels.
        seed (int): Seed of the generator.
    """
    train: Dict[str, int]
    val: Dict[str, int]
    width: int = 320
    height: int = 240
    frames: int = 9
    keys: Tuple[int, ...] = (3, 5)
    margin: int = 1
    seed: int = 2023

    def settings(self, split: str, difficulty: str) -> ClipSettings:
        """The generator's settings of a split and difficulty."""
        labels = dict(label_margin=self.margin)
        if split == 'train':
            labels = dict(label_margin=min(self.keys), label_every=2)
        return ClipSettings.preset(
            difficulty,
            width=self.width,
            height=self.height,
            frames=self.frames,
            **labels)

    def videos(self, split: str) -> Iterator[Tuple[str, int]]:
        """Difficulty and number of each video of a split."""
        counts = self.train if split == 'train' else self.val
        for rank, (difficulty, count) in enumerate(counts.items()):
            for number in range(count):
                yield difficulty, rank * _RANGE + number

    def to_dict(self) -> dict:
        """dict: What a set is identified by."""
        return dict(
            json.loads(json.dumps(asdict(self))), generator_version=VERSION)


FULL = ClipPlan(
    train=dict(easy=500, default=700, hard=800),
    val=dict(easy=100, default=100, hard=100))
QUICK = ClipPlan(
    train=dict(easy=120, default=180, hard=200),
    val=dict(easy=30, default=30, hard=40))


class BenchmarkClips:
    """A folder with a benchmark's clips.

    Args:
        root (Path): The folder.
        plan (ClipPlan): What is or will be in it.
    """

    def __init__(self, root: Path, plan: ClipPlan) -> None:
        self.root, self.plan = Path(root), plan

    def annotations(self, split: str) -> Path:
        """The merged annotation file of a split."""
        return self.root / 'annotations' / f'known_truth_{split}.json'

    def missing(self) -> int:
        """int: Videos that have not been generated yet."""
        return sum(not self._video_json(*video).is_file()
                   for video in self._all_videos())

    def is_complete(self) -> bool:
        """Whether the set is there.

        Raises:
            ValueError: If the folder holds another set.
        """
        path = self.root / _RECORD
        if not path.is_file():
            return False
        record = json.loads(path.read_text(encoding='utf-8'))
        if record['plan'] != self.plan.to_dict():
            raise ValueError(
                f'{path}: the folder holds clips of another plan, '
                f'{record["plan"]}; expected {self.plan.to_dict()}. Choose '
                'another folder')
        return True

    def fingerprint(self) -> str:
        """str: Hash of the annotations, which tells sets apart.

        Raises:
            FileNotFoundError: If the set is not complete.
        """
        path = self.root / _RECORD
        if not path.is_file():
            raise FileNotFoundError(
                f'{path} is missing: generate the clips first')
        return json.loads(path.read_text(encoding='utf-8'))['annotations']

    def difficulty(self, image_id: int) -> str:
        """The difficulty of the validation video that an image is of."""
        _, sequence, _ = split_image_id(image_id)
        return list(self.plan.val)[(sequence - FIRST_SEQUENCE['val']) //
                                   _RANGE]

    def generate(self, workers: int = 1, progress: bool = False) -> None:
        """Generate what is missing.

        Args:
            workers (int): Processes, see :func:`.run_tasks`. Defaults to 1.
            progress (bool): Show a progress bar. Defaults to False.

        Raises:
            ValueError: If the folder holds another set.
        """
        if self.is_complete():
            return
        self._claim()
        tasks = [(self.root, self.plan, *video)
                 for video in self._all_videos()
                 if not self._video_json(*video).is_file()]
        for _ in run_tasks(_generate, tasks, workers, 'clips', 'video',
                           progress):
            pass
        digest = hashlib.sha256()
        for split in ('train', 'val'):
            self._merge(split)
            digest.update(self.annotations(split).read_bytes())
        write_json(
            self.root / _RECORD,
            dict(
                plan=self.plan.to_dict(), annotations=digest.hexdigest()[:16]),
            indent=1)

    def _claim(self) -> None:
        """Refuse to mix two sets in one folder."""
        path = self.root / 'plan.json'
        if path.is_file():
            found = json.loads(path.read_text(encoding='utf-8'))
            if found != self.plan.to_dict():
                raise ValueError(f'{path}: the folder holds clips of another '
                                 f'plan, {found}; choose another folder')
        write_json(path, self.plan.to_dict(), indent=1)

    def _all_videos(self) -> Iterator[Tuple[str, str, int]]:
        for split in ('train', 'val'):
            for difficulty, number in self.plan.videos(split):
                yield split, difficulty, number

    def _video_json(self, split: str, difficulty: str, number: int) -> Path:
        name = video_name(split, number)
        return self.root / 'annotations' / split / f'{name}.json'

    def _merge(self, split: str) -> None:
        videos = list(self.plan.videos(split))
        merged = merge_annotations(
            [self._video_json(split, *video) for video in videos], self.root)
        if split == 'val':
            exposure = {
                name: self.plan.settings('val', name).exposure
                for name in self.plan.val
            }
            add_slices(merged['annotations'],
                       lambda image_id: exposure[self.difficulty(image_id)])
            keep_frames(merged, self.plan.keys)
        write_json(self.annotations(split), merged)


def keep_frames(content: Dict[str, List[dict]], keys: Tuple[int, ...]) -> None:
    """Leave the labels of some frames only, in place.

    Args:
        content (dict): A merged annotation.
        keys (tuple[int, ...]): The frames, from 0, that stay labelled.
    """
    kept = set()
    for image in content['images']:
        if image['is_labeled'] and split_image_id(image['id'])[2] in keys:
            kept.add(image['id'])
        else:
            image.update(
                is_labeled=False, ignore_regions_x=[], ignore_regions_y=[])
    content['annotations'] = [
        a for a in content['annotations'] if a['image_id'] in kept
    ]


def _generate(task: Tuple[Path, ClipPlan, str, str, int]) -> None:
    root, plan, split, difficulty, number = task
    generate_video(root, plan.settings(split, difficulty), plan.seed, split,
                   number)
