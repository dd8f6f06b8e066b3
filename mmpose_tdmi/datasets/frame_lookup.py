"""Which of the ways to know a video's frames a dataset uses.

Shape shorthand: none; paths only.
"""
from typing import Callable, Dict, Iterable, Optional, Tuple, Union

from .annotation_file import AnnotationFile, is_integer
from .frame_catalogue import FrameCatalogue
from .video_table import VideoTable

#: See :class:`~mmpose_tdmi.datasets.BaseSequenceDataset`.
FRAME_SOURCES = ('auto', 'disk', 'annotation')

#: Both have ``locate(path) -> (VideoFrames, number)`` and ``video(path)``.
FrameLookup = Union[FrameCatalogue, VideoTable]


def frame_lookup(source: str,
                 content: AnnotationFile,
                 path_of: Callable[[str], str],
                 parse: Callable[[str], Tuple[str, int]],
                 backend_args: Optional[dict] = None) -> FrameLookup:
    """Make the lookup that a ``frame_source`` stands for.

    Args:
        source (str): One of :data:`FRAME_SOURCES`.
        content (AnnotationFile): The annotation file.
        path_of (Callable): ``path_of(file_name)`` -> the frame's path.
        parse (Callable): ``parse(path) -> (video, number)``, for names that
            tell these.
        backend_args (dict, optional): The file backend for folders.

    Returns:
        VideoTable | FrameCatalogue: By the file's ``videos``, else by names.

    Raises:
        ValueError: If ``videos`` is damaged, or a name is no frame's.
    """
    if source != 'disk' and content.videos is not None:
        return VideoTable(content.path, content.videos, path_of)
    paths = {
        id_: path_of(image['file_name'])
        for id_, image in content.images.items()
    }
    promised: Dict[str, int] = {}
    for id_, image in content.images.items():
        if image.get('nframes') is not None:
            if not is_integer(image['nframes']):
                raise ValueError(
                    f'{content.path}: image {id_}: nframes must be an '
                    f'integer, got {image["nframes"]!r}')
            promised[parse(paths[id_])[0]] = image['nframes']
    return FrameCatalogue(
        parse,
        paths.values() if source == 'annotation' else None,
        promised=promised,
        backend_args=backend_args)


def check_listed(ann_file: str, lookup: FrameLookup, paths: Iterable[str],
                 what: str) -> None:
    """Refuse key frames that are not in the annotation's ``videos``.

    A key frame that does not exist is better missed before a training than
    in it. Where folders are listed, it shows when its sample is drawn.

    Args:
        ann_file (str): The annotation file, for the message.
        lookup (VideoTable | FrameCatalogue): What tells the frames.
        paths (Iterable[str]): The key frames.
        what (str): What they are, for the message.

    Raises:
        ValueError: If one is not listed.
    """
    if not isinstance(lookup, VideoTable):
        return
    paths = list(dict.fromkeys(paths))
    missing = lookup.missing(paths)
    if missing:
        raise ValueError(
            f'{ann_file}: {len(missing)} of {len(paths)} {what} are not '
            f'among the frames that its videos list: {missing[:3]}')
