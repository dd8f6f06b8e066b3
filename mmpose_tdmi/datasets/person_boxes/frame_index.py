"""Which image of an annotation file a box belongs to.

A box file names images by id, by file name, or by both. Where it gives both,
both must mean the same image: ids that were numbered anew, or names of
another split, are found here and not in a bad score.

Shape shorthand: none; names and ids only.
"""
from pathlib import PurePosixPath
from typing import (Any, Dict, Hashable, Iterable, List, Mapping, NamedTuple,
                    Optional)

from .box_files import RawBox


class FrameIndex:
    """Finds the images of boxes.

    Names agree if one is the end of the other, folder by folder:
    ``000001.jpg`` agrees with ``images/val/000342_mpii_test/000001.jpg``.
    A bare name, which a frame of every video may have, is looked for in the
    video that the boxes' file is named after: that is the image's folder, or
    what ``videos`` call it.

    Args:
        images (dict): The annotation's image records by id; a record without
            ``file_name`` is found by id alone.
        videos (Iterable[dict]): The annotation's records of videos: ``id``,
            ``name``, and ``file_names``, the frames that exist. Defaults to
            none.
    """

    #: What :meth:`find` gives for a frame that exists in a video of the
    #: annotation, which has no record of the image.
    NOT_LISTED = object()

    def __init__(
        self, images: Mapping[Hashable,
                              dict], videos: Iterable[dict] = ()) -> None:
        self._images = images
        self._listed: Dict[str, List[_Frame]] = {}
        self._existing: Dict[str, List[_Frame]] = {}
        names = {}
        for video in videos:
            names[video['id']] = video['name']
            for name in video['file_names']:
                frame = _Frame(PurePosixPath(name), video['name'], None)
                self._existing.setdefault(frame.path.name, []).append(frame)
        for image_id, image in images.items():
            if 'file_name' in image:
                frame = _Frame(
                    PurePosixPath(image['file_name']),
                    names.get(image.get('vid_id')), image_id)
                self._listed.setdefault(frame.path.name, []).append(frame)
        self._cache: Dict[tuple, Any] = {}

    def find(self, box: RawBox) -> Any:
        """Find the image of a box.

        Args:
            box (RawBox): The box.

        Returns:
            Hashable | None | object: The image's id; None if neither the
            images nor the videos have the frame; :attr:`NOT_LISTED`.

        Raises:
            ValueError: If the box's id and file name are of two images, or
                its file name of several.
        """
        key = (box.image_id, box.file_name, box.video)
        if key not in self._cache:
            if box.image_id is None:
                found = self._find_by_name(box)
            else:
                found = self._find_by_id(box)
            self._cache[key] = found
        return self._cache[key]

    def _find_by_id(self, box: RawBox) -> Any:
        image = self._images.get(box.image_id)
        if box.file_name is None:
            return None if image is None else box.image_id
        path = PurePosixPath(box.file_name)
        if image is None:
            same = _matching(self._listed, path, box.video)
            if same:
                raise ValueError(
                    f'{box.where}: image_id {box.image_id!r} is not in the '
                    f'annotation file, but its file name {box.file_name!r} '
                    f'is: there it has the id {same[0].image_id!r}')
            exists = _matching(self._existing, path, box.video)
            return self.NOT_LISTED if exists else None
        if 'file_name' in image and not _agree(
                path, PurePosixPath(image['file_name'])):
            raise ValueError(
                f'{box.where}: image_id {box.image_id!r} and file name '
                f'{box.file_name!r} are of two images; the annotation file '
                f'has {image["file_name"]!r} by this id')
        return box.image_id

    def _find_by_name(self, box: RawBox) -> Any:
        path = PurePosixPath(box.file_name)
        same = _matching(self._listed, path, box.video)
        if len(same) > 1:
            raise ValueError(
                f'{box.where}: {len(same)} images have the file name '
                f'{box.file_name!r}: ids {[f.image_id for f in same[:3]]}')
        if same:
            return same[0].image_id
        exists = _matching(self._existing, path, box.video)
        return self.NOT_LISTED if exists else None


class _Frame(NamedTuple):
    """A frame's path, the name of its video, and its id if it has one."""
    path: PurePosixPath
    video: Optional[str]
    image_id: Any


def _matching(frames: Mapping[str, List[_Frame]], path: PurePosixPath,
              video: Optional[str]) -> List[_Frame]:
    """The frames of a name; of a bare name, those of the named video."""
    found = frames.get(path.name, ())
    if len(path.parts) > 1:
        return [frame for frame in found if _agree(path, frame.path)]
    if video is None:
        return []
    return [
        frame for frame in found
        if video in (frame.path.parent.name, frame.video)
    ]


def _agree(one: PurePosixPath, other: PurePosixPath) -> bool:
    """Whether one path is the end of the other."""
    length = min(len(one.parts), len(other.parts))
    return length > 0 and one.parts[-length:] == other.parts[-length:]
