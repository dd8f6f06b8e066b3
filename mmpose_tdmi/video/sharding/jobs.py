"""Which videos there are, and what their results are called.

Shape shorthand: none.
"""
import glob
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Sequence

#: Files of a folder that are taken for videos, lower case.
VIDEO_SUFFIXES = ('.mp4', '.avi', '.mov', '.mkv', '.webm', '.m4v', '.mpg',
                  '.mpeg', '.ts')


@dataclass(frozen=True)
class VideoJob:
    """A video to be done.

    Args:
        input (str): A video file or a folder of frames.
        name (str): What its results are called.
        size (int): Bytes, by which work is dealt out. Defaults to 0.
    """
    input: str
    name: str
    size: int = 0


def find_jobs(inputs: Sequence[str]) -> List[VideoJob]:
    """The videos that paths and globs stand for.

    Args:
        inputs (Sequence[str]): Video files, folders and globs of these. A
            folder stands for the videos in it or, if it has none, for one
            video whose frames it holds.

    Returns:
        list[VideoJob]: The videos, the largest first, and each once. A
        result is called as its file or folder; if several videos of different
        folders are called the same, the folder's name comes before,
        ``folder__name``.

    Raises:
        FileNotFoundError: If an input stands for nothing.
        ValueError: If two results would be called the same even so.
    """
    found: Dict[str, Path] = {}
    for text in inputs:
        paths = [text] if Path(text).exists() else glob.glob(text)
        if not paths:
            raise FileNotFoundError(f'{text}: no such file or folder, and no '
                                    'file that it matches')
        for path in map(Path, paths):
            for video in _videos_of(path):
                found[str(video.resolve())] = video
    videos = list(found.values())
    names = _names(videos)
    jobs = [
        VideoJob(str(video), name, _size(video))
        for video, name in zip(videos, names)
    ]
    # the same order on every machine
    return sorted(jobs, key=lambda job: (-job.size, job.name))


def _videos_of(path: Path) -> List[Path]:
    if not path.is_dir():
        return [path]
    videos = [
        entry for entry in sorted(path.iterdir())
        if entry.suffix.lower() in VIDEO_SUFFIXES and entry.is_file()
    ]
    return videos or [path]


def _size(path: Path) -> int:
    files = path.iterdir() if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files)


def _names(videos: Sequence[Path]) -> List[str]:
    names = [_stem(video) for video in videos]
    counts = Counter(names)
    names = [
        name if counts[name] == 1 else f'{video.resolve().parent.name}__{name}'
        for video, name in zip(videos, names)
    ]
    taken: Dict[str, Path] = {}
    for name, video in zip(names, videos):
        if name in taken:
            raise ValueError(
                f'the results of {taken[name]} and {video} would both be '
                f'called {name!r}; run them into different folders')
        taken[name] = video
    return names


def _stem(video: Path) -> str:
    return video.resolve().name if video.is_dir() else video.stem
