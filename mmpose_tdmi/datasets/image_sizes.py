"""Sizes of images whose annotation may not tell them.

Shape shorthand: none.
"""
from typing import Callable, Dict, Optional, Tuple

import mmcv
from mmengine import fileio

from .annotation_file import is_integer


class ImageSizes:
    """Gives an image's width and height.

    They are the record's, where it tells them. PoseTrack18's original files
    do not: then they are those of the first image of the same video that is
    asked about, which is read for it.

    Args:
        ann_file (str): The annotation file, for messages.
        path_of (Callable): ``path_of(file_name)`` -> the image's path.
        video_of (Callable): ``video_of(path)`` -> the image's video.
        backend_args (dict, optional): The file backend. Defaults to None.
    """

    def __init__(self,
                 ann_file: str,
                 path_of: Callable[[str], str],
                 video_of: Callable[[str], str],
                 backend_args: Optional[dict] = None) -> None:
        self.ann_file = ann_file
        self._path_of = path_of
        self._video_of = video_of
        self._backend_args = backend_args
        self._by_video: Dict[str, Tuple[int, int]] = {}

    def __call__(self, image: dict) -> Tuple[int, int]:
        """The size of an image.

        Args:
            image (dict): The annotation's record of it.

        Returns:
            tuple[int, int]: Width and height in pixels.

        Raises:
            ValueError: If the record's is no size, or it does not tell and
                the image cannot be read.
        """
        if 'width' in image and 'height' in image:
            size = image['width'], image['height']
            if not all(is_integer(side) and side > 0 for side in size):
                raise ValueError(
                    f'{self.ann_file}: image {image["id"]}: width and height '
                    f'must be positive integers, got {size}')
            return size
        path = self._path_of(image['file_name'])
        video = self._video_of(path)
        if video not in self._by_video:
            self._by_video[video] = self._read(image['id'], path)
        return self._by_video[video]

    def _read(self, image_id: int, path: str) -> Tuple[int, int]:
        problem = (f'{self.ann_file}: image {image_id} has no width and '
                   f'height, and its file {path}')
        if not fileio.exists(path, backend_args=self._backend_args):
            raise ValueError(f'{problem} does not exist')
        image = mmcv.imfrombytes(
            fileio.get(path, backend_args=self._backend_args))
        if image is None:
            raise ValueError(f'{problem} cannot be decoded')
        return image.shape[1], image.shape[0]
