"""Drawn frames and their persons, as the writers of all formats need them.

Shape shorthand: H x W pixels.
"""
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

import cv2
import numpy as np

from mmpose_tdmi.utils.files import atomic_path
from ..annotation import annotate
from ..generator import make_scene
from ..scene import Frame, Scene
from ..settings import ClipSettings


@dataclass(frozen=True)
class VideoTask:
    """A video to write.

    Args:
        root (Path): Folder of the data set.
        settings (ClipSettings): What to draw.
        seed (int): Seed of the data set.
        split (str): The split that the video is of.
        number (int): Its number in the split, from 0.
        option (str): The writer's option, '' if it has none.
    """
    root: Path
    settings: ClipSettings
    seed: int
    split: str
    number: int
    option: str = ''


@dataclass
class DrawnFrame:
    """A frame and the truth about it.

    Args:
        index (int): Its place in the video, from 0.
        image (np.ndarray): (H, W, 3) uint8 BGR.
        labelled (bool): Whether it is annotated.
        persons (list[dict]): As PoseTrack18 annotates them, see
            :func:`projects.synthetic.annotation.annotate`, with
            ``image_id`` 0.
        ignore (tuple[list, list]): x and y of the ignore polygons.
        scene (Scene): The scene.
        frame (Frame): The frame as drawn.
    """
    index: int
    image: np.ndarray
    labelled: bool
    persons: List[Dict[str, Any]]
    ignore: Tuple[List[list], List[list]]
    scene: Scene
    frame: Frame

    def write_jpeg(self, path: Path) -> None:
        """Write the image as the generator does, whole or not at all."""
        done, encoded = cv2.imencode(
            '.jpg', self.image, [cv2.IMWRITE_JPEG_QUALITY, self.scene.quality])
        if not done:
            raise RuntimeError(f'{path}: could not be encoded')
        with atomic_path(path) as temporary:
            temporary.write_bytes(encoded.tobytes())


def draw(task: VideoTask) -> Iterator[DrawnFrame]:
    """Draw a video frame by frame; the same task gives the same frames.

    Yields:
        DrawnFrame: The frames, in order.
    """
    # the generator knows two splits; the other one's second is its 'val'
    split = 'train' if task.split == 'train' else 'val'
    scene = make_scene(task.settings, task.seed, split, task.number)
    for index, frame in enumerate(scene.frames()):
        persons, ignore = [], ([], [])
        if frame.labels is not None:
            persons, *ignore = annotate(scene, frame, image_id=0)
        yield DrawnFrame(index, frame.image, frame.labels is not None, persons,
                         tuple(ignore), scene, frame)
