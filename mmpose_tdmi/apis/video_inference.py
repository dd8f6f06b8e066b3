"""Poses along a video: boxes, clips, model.

One pass in the order of time. A frame's clip is resolved as in the datasets
(offsets and padding of the config's test dataset) and prepared by the
config's own test pipeline, so that a video gives what the same frames and
boxes give in a test. Frames in memory are bounded: those that the source
keeps for the window and those whose batch is not full yet.

Shape shorthand: T frames of a clip, K keypoints, H x W pixels of a frame.
"""
import inspect
from collections import deque
from dataclasses import dataclass, field
from typing import Deque, Iterator, List, Tuple

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import DefaultScope
from torch import nn

from mmpose_tdmi.datasets.base_sequence_dataset import BaseSequenceDataset
from mmpose_tdmi.datasets.clip_frames import VideoFrames, padding_policy
from mmpose_tdmi.structures import FrameWindow

from .frame_source import FrameSource, number_frames
from .person_boxes import BoxSource, PersonBox


@dataclass
class PersonPose:
    """A person's pose in a frame, in pixels of the frame.

    Args:
        box (PersonBox): The box it was estimated in.
        keypoints (np.ndarray): x, y, (K, 2).
        scores (np.ndarray): The keypoints' scores, (K, ).
    """
    box: PersonBox
    keypoints: np.ndarray
    scores: np.ndarray


@dataclass
class FramePoses:
    """All poses of a frame.

    Args:
        index (int): The frame's index in its source, 0-based.
        persons (list[PersonPose]): In the order of their boxes.
    """
    index: int
    persons: List[PersonPose] = field(default_factory=list)


@dataclass
class _Pending:
    """A frame some of whose clips have not been through the model."""
    poses: FramePoses
    frame: np.ndarray
    missing: int


class VideoPoseEstimator:
    """Estimates poses frame by frame with a model of this package.

    Args:
        model (nn.Module): As
            :func:`mmpose_tdmi.apis.init_pose_model` gives it: window, padding
            and pipeline are those of its config's test dataset.
        batch_size (int): Clips (persons) per pass of the model. Defaults to
            8.

    Raises:
        ValueError: If the config's test dataset names no window or
            ``batch_size`` is not positive.
    """

    def __init__(self, model: nn.Module, batch_size: int = 8) -> None:
        if batch_size < 1:
            raise ValueError(
                f'batch_size must be at least 1, got {batch_size}')
        self.model = model
        self.batch_size = batch_size
        dataset = model.cfg.test_dataloader.dataset
        self.window = clip_window(model.cfg)
        default = inspect.signature(BaseSequenceDataset).parameters['padding']
        self.padding = dataset.get('padding', default.default)
        self._policy = padding_policy(self.padding)
        self._scope = model.cfg.get('default_scope', 'mmpose')
        with DefaultScope.overwrite_default_scope(self._scope):
            self._pipeline = Compose(dataset.pipeline)

    def iterate_poses(
            self, frames: FrameSource,
            boxes: BoxSource) -> Iterator[Tuple[FramePoses, np.ndarray]]:
        """Estimate the poses of all frames.

        Args:
            frames (VideoReader | ImageSequence): The frames. It should keep
                as many as :func:`frames_to_keep` says.
            boxes (Callable): ``boxes(index, frame)`` gives the persons.

        Yields:
            tuple[FramePoses, np.ndarray]: Each frame's poses, in order, and
            the frame itself, (H, W, 3), uint8, BGR.
        """
        numbered = number_frames(frames)
        pending: Deque[_Pending] = deque()
        batch: List[Tuple[dict, _Pending]] = []
        for index, frame in frames:
            persons = boxes(index, frame)
            waiting = _Pending(
                FramePoses(index, [None] * len(persons)), frame, len(persons))
            pending.append(waiting)
            clip = self._clip(frames, numbered, index) if persons else {}
            for place, box in enumerate(persons):
                batch.append((self._sample(clip, box), waiting, place, box))
                if len(batch) == self.batch_size:
                    self._estimate(batch)
                    batch = []
            # people may be so rare that a batch takes a long time to fill
            if batch and len(pending) > self.batch_size:
                self._estimate(batch)
                batch = []
            while pending and not pending[0].missing:
                done = pending.popleft()
                yield done.poses, done.frame
        if batch:
            self._estimate(batch)
        for done in pending:
            yield done.poses, done.frame

    def _clip(self, frames: FrameSource, numbered: VideoFrames,
              index: int) -> dict:
        """What the sequence datasets and their loading tell about a clip."""
        places, padded = numbered.clip(
            int(numbered.numbers[index]), self.window, self._policy)
        images = {place: frames[place] for place in sorted(set(places))}
        return dict(
            frames=[images[place] for place in places],
            frame_paths=[numbered.paths[place] for place in places],
            frame_indices=[int(numbered.numbers[place]) for place in places],
            frame_offsets=self.window.offsets,
            frame_padded=padded,
            key_frame=self.window.key,
            img_path=numbered.paths[index],
            img_id=index)

    def _sample(self, clip: dict, box: PersonBox) -> dict:
        """The model's input for one person."""
        results = dict(clip)
        results.update(self.model.dataset_meta)
        results.update(
            id=box.id,
            bbox=np.array([box.bbox], dtype=np.float32),
            bbox_score=np.array([box.score], dtype=np.float32))
        return self._pipeline(results)

    def _estimate(self, batch: list) -> None:
        """Run the model and hand each pose to its frame."""
        with DefaultScope.overwrite_default_scope(
                self._scope), torch.no_grad():
            results = self.model.test_step(
                pseudo_collate([entry[0] for entry in batch]))
        for (_, waiting, place, box), result in zip(batch, results):
            instances = result.pred_instances
            waiting.poses.persons[place] = PersonPose(
                box=box,
                keypoints=np.asarray(instances.keypoints[0][:, :2]),
                scores=np.asarray(instances.keypoint_scores[0]))
            waiting.missing -= 1


def clip_window(config: Config) -> FrameWindow:
    """The window of a config's test dataset.

    Args:
        config (Config): A config of this package.

    Returns:
        FrameWindow: The window.

    Raises:
        ValueError: If the test dataset has neither delta nor offsets.
    """
    dataset = config.get('test_dataloader', {}).get('dataset', {})
    if 'delta' not in dataset and 'offsets' not in dataset:
        raise ValueError(
            f'{config.filename}: test_dataloader.dataset has neither delta '
            'nor offsets; expected one of the sequence datasets of '
            f'mmpose_tdmi, got type {dataset.get("type")!r}')
    return FrameWindow.from_config(
        dataset.get('delta'), dataset.get('offsets'))


def frames_to_keep(window: FrameWindow) -> int:
    """How many frames a source must keep to be read in one pass.

    Args:
        window (FrameWindow): The clips' window.

    Returns:
        int: The window's span and the frame that comes next.
    """
    return window.offsets[-1] - window.offsets[0] + 2
