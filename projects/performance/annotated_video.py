"""Videos of an annotation file with the boxes and tracks of its persons.

Shape shorthand: none.
"""
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Union

import cv2
import numpy as np

from mmpose_tdmi.video import TrackedBox, TrackedFrame


@dataclass
class AnnotatedVideo:
    """A video's frames and persons.

    Args:
        root (Path): The data root.
        file_names (list[str]): The frames, relative to it, in order of time.
        image_ids (list[int | None]): Their ids, None where the annotation
            file does not list a frame.
        persons (dict[int, list[dict]]): Annotations by image id.
    """
    root: Path
    file_names: List[str]
    image_ids: List[Optional[int]]
    persons: Dict[int, List[dict]]

    def frames(self,
               jitter: float = 0.,
               seed: int = 0) -> Iterator[TrackedFrame]:
        """The frames with the annotated boxes.

        Args:
            jitter (float): Standard deviation of what is added to each side
                of a box, as a share of the box's width or height: detectors'
                boxes do not keep still. Defaults to 0.
            seed (int): Of the additions. Defaults to 0.
        """
        rng = np.random.default_rng(seed)
        for index, name in enumerate(self.file_names):
            image = cv2.imread(str(self.root / name))
            if image is None:
                raise ValueError(f'{self.root / name} is no image')
            boxes = []
            for person in self.persons.get(self.image_ids[index], ()):
                x, y, width, height = person['bbox']
                corners = np.array([x, y, x + width, y + height])
                corners += jitter * rng.standard_normal(4) * [
                    width, height, width, height
                ]
                boxes.append(
                    TrackedBox(person['track_id'], tuple(corners.tolist()),
                               1.))
            yield TrackedFrame(index, None, image, boxes)


def load_annotated_videos(
        ann_file: Union[str, Path],
        data_root: Union[str, Path]) -> Dict[str, AnnotatedVideo]:
    """The videos of an annotation file.

    Args:
        ann_file (str | Path): COCO-style json whose ``images`` have a
            ``vid_id`` and whose ``annotations`` have a ``track_id``. Without
            a table of ``videos`` the frames are those of ``images``.
        data_root (str | Path): What file names are relative to.

    Returns:
        dict[str, AnnotatedVideo]: By ``vid_id``.
    """
    content = json.loads(Path(ann_file).read_text(encoding='utf-8'))
    ids: Dict[str, Dict[str, int]] = {}
    for image in content['images']:
        ids.setdefault(image['vid_id'], {})[image['file_name']] = image['id']
    names = {
        video['id']: video['file_names']
        for video in content.get('videos', ())
    }
    persons: Dict[int, List[dict]] = {}
    for person in content['annotations']:
        persons.setdefault(person['image_id'], []).append(person)
    videos = {}
    for video in sorted(ids):
        files = names.get(video) or sorted(ids[video])
        videos[video] = AnnotatedVideo(
            Path(data_root), files, [ids[video].get(name) for name in files],
            persons)
    return videos
