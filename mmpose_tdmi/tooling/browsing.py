"""Pictures of a dataset's samples: as loaded, as packed, step by step."""
from copy import deepcopy
from pathlib import Path
from typing import Any, List, NamedTuple, Optional, Sequence, Tuple

import cv2
import numpy as np
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.datasets import CombinedDataset
from mmpose.datasets.transforms import TopdownAffine
from mmpose.registry import DATASETS

from mmpose_tdmi.datasets.transforms import LoadFrameSequence
from mmpose_tdmi.utils.video import VideoWriter
from mmpose_tdmi.visualization.clip_pictures import (PosePainter, box_corners,
                                                     captioned, clip_frames,
                                                     frame_captions, overlaid,
                                                     stacked, strip,
                                                     write_picture)

MODES = ('original', 'transformed', 'pipeline')
CLIP_FORMATS = ('none', 'mp4')


class BrowsedSample(NamedTuple):
    """A sample, drawn: its name for files, unique in the dataset; the clip as
    a strip, or its steps one below the other; the T frames, of one size, and
    what they are called. Pictures are uint8, BGR."""
    name: str
    picture: np.ndarray
    frames: List[np.ndarray]
    captions: List[str]


class DatasetBrowser:
    """Draws samples of a dataset of clips, frames ``height`` pixels high:
    ``original``, the frames as they are, pose and box on the key frame;
    ``transformed``, the packed clip and its targets; ``pipeline``, what each
    transform makes of the sample, one below the other."""

    def __init__(self,
                 dataset: Any,
                 mode: str = 'transformed',
                 height: int = 192) -> None:
        self.dataset = dataset
        self.mode = mode
        self.height = height
        self.steps = dataset.pipeline.transforms
        if not self.steps or not isinstance(self.steps[0], LoadFrameSequence):
            found = [type(step).__name__ for step in self.steps[:1]]
            raise ValueError('a pipeline for clips begins with '
                             f'LoadFrameSequence, this one with {found}')
        self._painter = PosePainter(dataset.metainfo, height, kpt_thr=0.01)

    @classmethod
    def from_config(cls,
                    path: str,
                    phase: str,
                    mode: str,
                    cfg_options: Optional[dict] = None,
                    height: int = 192) -> 'DatasetBrowser':
        """A browser of the ``'train'``, ``'val'`` or ``'test'`` dataset."""
        config = Config.fromfile(str(path))
        if cfg_options is not None:
            config.merge_from_dict(cfg_options)
        loader = config.get(f'{phase}_dataloader')
        if not loader:
            raise ValueError(f'the config has no {phase}_dataloader')
        init_default_scope(config.get('default_scope', 'mmpose'))
        dataset = DATASETS.build(loader['dataset'])
        if isinstance(dataset, CombinedDataset):
            raise ValueError(
                f'{phase}_dataloader.dataset is a CombinedDataset: browse its '
                'datasets one by one')
        return cls(dataset, mode, height)

    def draw(self, index: int) -> BrowsedSample:
        """Draw a sample; it is an error if a transform drops it."""
        results = dict(self.dataset.get_data_info(index))
        path = Path(results['img_path'])
        steps = self.steps[:1] if self.mode == 'original' else self.steps
        rows, frames = [], []
        for step in steps:
            packed, results = results, step(results)
            title = type(step).__name__
            if results is None:
                raise ValueError(f'sample {index} ({path}) is dropped by '
                                 f'{title}')
            if 'inputs' in results:
                # packing is the last step: its annotations are those before
                images = clip_frames(results['inputs'])
                results = packed
                title = f'{title} (packed)'
            else:
                images = results['img']
            frames = self._painted(results, images)
            if self.mode == 'pipeline':
                rows.append(captioned(self._row(results, frames), title))
        return BrowsedSample(f'{index:06d}_{path.parent.name}_{path.stem}',
                             stacked(rows or [self._row(results, frames)]),
                             frames, frame_captions(results))

    def _painted(self, results: dict,
                 images: Sequence[np.ndarray]) -> List[np.ndarray]:
        images = [
            np.ascontiguousarray(image).clip(0, 255).astype(np.uint8)
            for image in images
        ]
        drawn = [self._painter.paint(image) for image in images]
        joints = results.get('transformed_keypoints', results['keypoints'])
        visible = np.asarray(results['keypoints_visible'])
        if visible.ndim == 3:
            # the host's visibility and weights
            visible = visible[..., 0]
        # neither dummies of detected persons nor absent joints
        visible = visible * joints.any(axis=-1)
        key = results['key_frame']
        drawn[key] = self._painter.paint(images[key], joints, visible,
                                         self._outlines(results))
        return drawn

    def _outlines(self, results: dict) -> List[np.ndarray]:
        if 'transformed_keypoints' in results:
            return []
        crops = [s for s in self.steps if isinstance(s, TopdownAffine)]
        if 'bbox_scale' in results and crops:
            return [crop_corners(crops[0], results)]
        return [box_corners(box) for box in results['bbox']]

    def _row(self, results: dict, frames: Sequence[np.ndarray]) -> np.ndarray:
        pictures, captions = list(frames), frame_captions(results)
        key = results['key_frame']
        if results.get('heatmaps') is not None:
            target = np.asarray(results['heatmaps']).max(axis=0)
            pictures.append(overlaid(frames[key], target, self.height))
            captions.append('targets')
        return strip(pictures, captions, key, self.height)


def crop_corners(step: TopdownAffine, results: dict) -> np.ndarray:
    """Corners, (4, 2), of what will be cropped, in pixels of the frame."""
    # the host's matrices turn opposite ways with and without UDP: see where
    # the step itself takes three points
    points = np.array([[(0, 0), (100, 0), (0, 100)]], np.float32)
    probe = dict(
        img=np.zeros((2, 2, 3), np.uint8),
        keypoints=points,
        keypoints_visible=np.ones(points.shape[:2], np.float32))
    for key in results:
        if key.startswith('bbox'):
            probe[key] = deepcopy(results[key])
    taken = step(probe)['transformed_keypoints'][0].astype(np.float32)
    back = cv2.getAffineTransform(taken, points[0])
    right, bottom = np.array(step.input_size) - 1
    corners = box_corners(np.array([0, 0, right, bottom]))
    return np.column_stack((corners, np.ones(4))) @ back.T


def write_sample(folder: Path,
                 sample: BrowsedSample,
                 clip_format: str = 'mp4',
                 fps: float = 4.) -> Tuple[Path, ...]:
    """Write a sample's picture, and its clip in one of the formats."""
    picture = folder / f'{sample.name}.png'
    write_picture(picture, sample.picture)
    if clip_format == 'none':
        return (picture, )
    clip = folder / f'{sample.name}.{clip_format}'
    with VideoWriter(clip, fps) as writer:
        for frame, caption in zip(sample.frames, sample.captions):
            # captions also keep apart equal frames, as padding makes them
            writer.write(captioned(frame, caption))
    return picture, clip
