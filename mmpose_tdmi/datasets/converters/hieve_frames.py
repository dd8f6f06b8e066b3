"""HiEve's videos as frames on disk.

The official release has video files; labels and predictions go by frame
numbers. Frames are extracted to ``images/<split>/<video>/%06d.jpg``, counted
from 0, a whole video or nothing.

Shape shorthand: none.
"""
import shutil
import tempfile
from pathlib import Path
from typing import List, Optional

import cv2

from mmpose_tdmi.utils.video import VideoReader
from .frames import list_frames

#: Suffixes of video files, in lower case.
VIDEO_SUFFIXES = ('.mp4', '.mov', '.avi', '.mkv')
JPEG_QUALITY = 95


def find_video(root: Path, split: str, name: str) -> Optional[Path]:
    """The video file ``videos/<split>/<name>.*``, None if there is none.

    Raises:
        ValueError: If there is more than one.
    """
    found = [path for path in video_files(root, split) if path.stem == name]
    if len(found) > 1:
        raise ValueError(f'{found[0]} and {found[1]} are the same video '
                         f'{name!r}, expected one file')
    return found[0] if found else None


def video_files(root: Path, split: str) -> List[Path]:
    """list[Path]: The video files of a split."""
    folder = root / 'videos' / split
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir()
                  if path.suffix.lower() in VIDEO_SUFFIXES)


def ensure_frames(root: Path, split: str, name: str) -> str:
    """Extract a video's frames unless they are there.

    Args:
        root (Path): The data root.
        split (str): The video's split.
        name (str): Its name.

    Returns:
        str: The folder of the frames, relative to the data root.

    Raises:
        FileNotFoundError: If there are neither frames nor a video.
        VideoReadError: If the video cannot be read to its end.
        ValueError: If there are frames, but not as many as the video has.
    """
    folder = f'images/{split}/{name}'
    target, video = root / folder, find_video(root, split, name)
    if target.is_dir():
        if video is not None:
            _check_number(root, folder, video)
        return folder
    if video is None:
        raise FileNotFoundError(
            f'there are neither frames in {target} nor a video '
            f'{root / "videos" / split / name}{"|".join(VIDEO_SUFFIXES)}')
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
            prefix=f'.{name}-', dir=target.parent) as temporary:
        frames = Path(temporary) / 'frames'
        frames.mkdir()
        with VideoReader(video) as reader:
            for index, image in reader:
                done, encoded = cv2.imencode(
                    '.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
                if not done:
                    raise RuntimeError(
                        f'{video}: frame {index} could not be encoded')
                (frames / f'{index:06d}.jpg').write_bytes(encoded.tobytes())
        shutil.move(str(frames), str(target))
    return folder


def _check_number(root: Path, folder: str, video: Path) -> None:
    found = len(list_frames(root, folder, []))
    with VideoReader(video) as reader:
        if found == len(reader):
            return
        # not every packet of every video is shown: what counts is decoded
        expected = sum(1 for _ in reader)
    if found != expected:
        raise ValueError(
            f'{root / folder} has {found} frames, but {video} has {expected}: '
            'remove the folder to have them extracted anew')
