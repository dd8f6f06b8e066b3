"""Pictures of a dataset's samples: as loaded, as packed, step by step.

Shape shorthand: T frames of a clip, K keypoints, H x W pixels of a frame.
"""
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, List, Optional, Sequence, Tuple, Union

import cv2
import numpy as np
from mmengine.config import Config, ConfigDict
from mmengine.registry import init_default_scope
from mmpose.datasets import CombinedDataset
from mmpose.datasets.transforms import TopdownAffine
from mmpose.registry import DATASETS
from PIL import Image

from mmpose_tdmi.datasets.transforms import LoadFrameSequence
from mmpose_tdmi.utils.files import atomic_path
from mmpose_tdmi.utils.video import VideoWriter
from mmpose_tdmi.visualization.clip_pictures import (PosePainter, box_corners,
                                                     captioned, clip_frames,
                                                     frame_captions, overlaid,
                                                     stacked, strip)

MODES = ('original', 'transformed', 'pipeline')
CLIP_FORMATS = ('none', 'gif', 'mp4')


@dataclass
class BrowsedSample:
    """A sample, drawn.

    Attributes:
        name (str): For files, unique in the dataset.
        picture (np.ndarray): The clip as a strip, or its steps one below the
            other; uint8, BGR.
        frames (list[np.ndarray]): The T frames, drawn on, of one size,
            uint8, BGR.
        captions (list[str]): What they are called, T.
    """
    name: str
    picture: np.ndarray
    frames: List[np.ndarray]
    captions: List[str]


def build_phase_dataset(config: Config, phase: str):
    """The dataset of a config's phase.

    Args:
        config (Config): The config.
        phase (str): ``'train'``, ``'val'`` or ``'test'``.

    Returns:
        BaseDataset: It, ready.

    Raises:
        ValueError: If the config has no such dataset, or it is a
            combination, which has no single pipeline.
    """
    loader = config.get(f'{phase}_dataloader')
    if not loader:
        raise ValueError(f'the config has no {phase}_dataloader')
    init_default_scope(config.get('default_scope', 'mmpose'))
    dataset = DATASETS.build(loader['dataset'])
    if isinstance(dataset, CombinedDataset):
        raise ValueError(
            f'{phase}_dataloader.dataset is a CombinedDataset: browse its '
            'datasets one by one')
    return dataset


class DatasetBrowser:
    """Draws samples of a dataset of clips.

    ``original`` draws the frames as they are, pose and box on the key frame;
    ``transformed`` the packed clip and its targets; ``pipeline`` what each
    transform makes of the sample, one below the other.

    Args:
        dataset (BaseDataset): A dataset of clips.
        mode (str): One of :data:`MODES`. Defaults to ``'transformed'``.
        height (int): Height of a frame in the pictures, pixels. Defaults to
            192.

    Raises:
        ValueError: If the mode is unknown, or the pipeline does not begin
            with :class:`LoadFrameSequence`.
    """

    def __init__(self,
                 dataset,
                 mode: str = 'transformed',
                 height: int = 192) -> None:
        if mode not in MODES:
            raise ValueError(f'mode must be one of {MODES}, got {mode!r}')
        self.dataset = dataset
        self.mode = mode
        self.height = height
        self.steps = dataset.pipeline.transforms
        if not self.steps or not isinstance(self.steps[0], LoadFrameSequence):
            found = [type(step).__name__ for step in self.steps[:1]]
            raise ValueError('a pipeline for clips begins with '
                             f'LoadFrameSequence, this one with {found}')
        self._painter = PosePainter(dataset.metainfo, height, kpt_thr=0.01)

    def __len__(self) -> int:
        return len(self.dataset)

    def browse(self, indices: Sequence[int]) -> Iterator[BrowsedSample]:
        """Draw samples.

        Args:
            indices (Sequence[int]): Their places in the dataset.

        Yields:
            BrowsedSample: One after the other.

        Raises:
            ValueError: If a transform drops a sample.
        """
        for index in indices:
            yield self._draw(index)

    def _draw(self, index: int) -> BrowsedSample:
        results = self.dataset.get_data_info(index)
        path = Path(results['img_path'])
        name = f'{index:06d}_{path.parent.name}_{path.stem}'
        steps = self.steps[:1] if self.mode == 'original' else self.steps
        rows, results, frames = [], dict(results), []
        last = len(steps) - 1
        for place, step in enumerate(steps):
            packed = results
            results = step(results)
            title = type(step).__name__
            if results is None:
                raise ValueError(f'sample {index} ({path}) is dropped by '
                                 f'{title}')
            if 'inputs' in results:
                # packing is the last step: its annotations are those before
                frames = self._frames(packed, clip_frames(results['inputs']))
                results = packed
                title = f'{title} (packed)'
            else:
                frames = self._frames(results, results['img'])
            if self.mode == 'pipeline' or place == last:
                rows.append(self._row(results, frames, title))
        return BrowsedSample(name, stacked(rows), frames, _captions(results))

    def _frames(self, results: dict,
                images: Sequence[np.ndarray]) -> List[np.ndarray]:
        """The frames as they are now, drawn on the key frame."""
        drawn = []
        for t, image in enumerate(images):
            image = np.ascontiguousarray(image)
            if image.dtype != np.uint8:
                image = image.clip(0, 255).astype(np.uint8)
            if t != results['key_frame']:
                drawn.append(self._painter.paint(image))
                continue
            cropped = results.get('transformed_keypoints')
            joints = results['keypoints'] if cropped is None else cropped
            visible = np.asarray(results['keypoints_visible'])
            if visible.ndim == 3:
                # the host's visibility and weights
                visible = visible[..., 0]
            # dummies of detected persons, and absent joints
            visible = visible * joints.any(axis=-1)
            drawn.append(
                self._painter.paint(image, joints, visible,
                                    self._outlines(results)))
        return drawn

    def _outlines(self, results: dict) -> List[np.ndarray]:
        if 'transformed_keypoints' in results:
            return []
        crops = [s for s in self.steps if isinstance(s, TopdownAffine)]
        if 'bbox_scale' in results and crops:
            return [crop_corners(crops[0], results)]
        return [box_corners(box) for box in results['bbox']]

    def _row(self, results: dict, frames: Sequence[np.ndarray],
             title: str) -> np.ndarray:
        pictures, captions = list(frames), _captions(results)
        if results.get('heatmaps') is not None:
            key = frames[results['key_frame']]
            target = np.asarray(results['heatmaps']).max(axis=0)
            pictures.append(overlaid(key, target, self.height))
            captions.append('targets')
        row = strip(pictures, captions, results['key_frame'], self.height)
        if self.mode == 'pipeline':
            row = captioned(row, title)
        return row


def crop_corners(step: TopdownAffine, results: dict) -> np.ndarray:
    """The region of a frame that will be cropped.

    Args:
        step (TopdownAffine): What will crop it.
        results (dict): A sample before that, with centre, scale and, if any,
            rotation.

    Returns:
        np.ndarray: The crop's corners, x, y in pixels of the frame, (4, 2).
    """
    # the host's matrices turn opposite ways with and without UDP: see where
    # the step itself takes three points
    points = np.array([[(0, 0), (100, 0), (0, 100)]], np.float32)
    probe = deepcopy({
        key: value
        for key, value in results.items() if key.startswith('bbox')
    })
    probe.update(
        img=np.zeros((2, 2, 3), np.uint8),
        keypoints=points,
        keypoints_visible=np.ones(points.shape[:2], np.float32))
    taken = step(probe)['transformed_keypoints'][0].astype(np.float32)
    back = cv2.getAffineTransform(taken, points[0])
    right, bottom = np.array(step.input_size) - 1
    corners = np.array([(0, 0, 1), (right, 0, 1), (right, bottom, 1),
                        (0, bottom, 1)])
    return corners @ back.T


def _captions(results: dict) -> List[str]:
    return frame_captions(results['frame_offsets'], results['frame_indices'],
                          results.get('frame_padded'))


def browse_config(path: Union[str, Path],
                  phase: str,
                  mode: str,
                  cfg_options: Optional[dict] = None,
                  height: int = 192) -> DatasetBrowser:
    """A browser of a config's dataset.

    Args:
        path (str | Path): The config.
        phase (str): ``'train'``, ``'val'`` or ``'test'``.
        mode (str): One of :data:`MODES`.
        cfg_options (dict, optional): Overrides of the config.
        height (int): Height of a frame in the pictures.

    Returns:
        DatasetBrowser: It.

    Raises:
        ValueError: See :func:`build_phase_dataset` and the browser.
    """
    config = Config.fromfile(str(path))
    if cfg_options is not None:
        config.merge_from_dict(deepcopy(ConfigDict(cfg_options)))
    return DatasetBrowser(build_phase_dataset(config, phase), mode, height)


def write_sample(folder: Path,
                 sample: BrowsedSample,
                 clip_format: str = 'gif',
                 fps: float = 4.) -> Tuple[Path, ...]:
    """Write a sample's picture, and its clip as a moving one.

    Args:
        folder (Path): Where to.
        sample (BrowsedSample): The sample.
        clip_format (str): One of :data:`CLIP_FORMATS`. Defaults to
            ``'gif'``.
        fps (float): Frames per second. Defaults to 4.

    Returns:
        tuple[Path, ...]: The files: ``<name>.png`` and the clip's.

    Raises:
        ValueError: If the format is unknown.
        OSError: If a file cannot be written.
    """
    if clip_format not in CLIP_FORMATS:
        raise ValueError(f'clip format must be one of {CLIP_FORMATS}, got '
                         f'{clip_format!r}')
    picture = folder / f'{sample.name}.png'
    with atomic_path(picture) as temporary:
        if not cv2.imwrite(str(temporary), sample.picture):
            raise OSError(f'{picture} cannot be written')
    if clip_format == 'none':
        return (picture, )
    # the captions also keep apart equal frames, as padding makes them
    frames = [
        captioned(frame, caption)
        for frame, caption in zip(sample.frames, sample.captions)
    ]
    clip = folder / f'{sample.name}.{clip_format}'
    if clip_format == 'mp4':
        with VideoWriter(clip, fps) as writer:
            for frame in frames:
                writer.write(frame)
        return picture, clip
    images = [Image.fromarray(frame[..., ::-1]) for frame in frames]
    with atomic_path(clip) as temporary:
        images[0].save(
            temporary,
            format='GIF',
            save_all=True,
            append_images=images[1:],
            duration=round(1000 / fps),
            loop=0)
    return picture, clip
