"""Writing data sets of generated clips, reproducibly and resumably.

Every video draws its randomness from (seed, split, number) alone, so the
files are the same byte for byte whatever the number of worker processes. A
video counts as done once its annotation is there, which is written last.

The tree written is PoseTrack18's::

    ROOT/images/{train,val}/000000_synthetic_train/000000.jpg
    ROOT/annotations/{train,val}/000000_synthetic_train.json
    ROOT/annotations/synthetic_{train,val}.json   (merged)
    ROOT/generated.json                           (settings)
"""
import json
from pathlib import Path
from typing import Any, Dict, List, Tuple, Union

import cv2
import numpy as np

from mmpose_tdmi.datasets.converters.posetrack import (format_video_id,
                                                       make_image_id,
                                                       merge_annotations,
                                                       write_video_annotation)
from mmpose_tdmi.utils.files import atomic_path, remove_outputs, write_json
from mmpose_tdmi.utils.parallel import run_tasks
from .annotation import annotate
from .scene import Scene
from .settings import ClipSettings

#: Raised whenever the same settings would give other files.
VERSION = 1
#: The first digit of the image ids: no PoseTrack18 collection has it.
COLLECTION = 9
#: Number of each split's first sequence: ids never meet.
FIRST_SEQUENCE = dict(train=0, val=500000)


def video_name(split: str, number: int) -> str:
    """str: Name of a video, e.g. '000003_synthetic_train'."""
    sequence = FIRST_SEQUENCE[split] + number
    return f'{format_video_id(sequence)}_synthetic_{split}'


def make_scene(settings: ClipSettings, seed: int, split: str,
               number: int) -> Scene:
    """The scene of one video; the same arguments give the same scene."""
    key = [seed, list(FIRST_SEQUENCE).index(split), number]
    return Scene(settings, np.random.default_rng(key))


def generate_video(root: Union[str, Path], settings: ClipSettings, seed: int,
                   split: str, number: int) -> Path:
    """Draw one video and write its frames, then its annotation.

    Args:
        root (str | Path): Folder of the data set.
        settings (ClipSettings): What to draw.
        seed (int): Seed of the data set, not negative.
        split (str): 'train' or 'val'.
        number (int): Number of the video in its split, from 0.

    Returns:
        Path: The annotation.
    """
    root, name = Path(root), video_name(split, number)
    scene = make_scene(settings, seed, split, number)
    images: List[Dict[str, Any]] = []
    annotations: List[Dict[str, Any]] = []
    sequence = FIRST_SEQUENCE[split] + number
    for index, frame in enumerate(scene.frames()):
        file_name = f'images/{split}/{name}/{index:06d}.jpg'
        done, encoded = cv2.imencode('.jpg', frame.image,
                                     [cv2.IMWRITE_JPEG_QUALITY, scene.quality])
        if not done:
            raise RuntimeError(f'{root / file_name}: could not be encoded')
        with atomic_path(root / file_name) as temporary:
            temporary.write_bytes(encoded.tobytes())
        image_id = make_image_id(COLLECTION, sequence, index)
        image = dict(
            id=image_id,
            frame_id=image_id,
            vid_id=format_video_id(sequence),
            file_name=file_name,
            nframes=settings.frames,
            is_labeled=frame.labels is not None,
            has_no_densepose=True,
            ignore_regions_x=[],
            ignore_regions_y=[])
        if frame.labels is not None:
            found, image['ignore_regions_x'], image[
                'ignore_regions_y'] = annotate(scene, frame, image_id)
            annotations += found
        images.append(image)
    path = root / 'annotations' / split / f'{name}.json'
    write_video_annotation(path, images, annotations)
    return path


def _work(task: Tuple[Path, ClipSettings, int, str, int]) -> Path:
    return generate_video(*task)


def generate(root: Union[str, Path],
             settings: ClipSettings,
             videos: Dict[str, int],
             seed: int = 0,
             workers: int = 1,
             overwrite: bool = False,
             progress: bool = False) -> Dict[str, Path]:
    """Write a data set of generated clips, or finish one.

    Args:
        root (str | Path): Folder to write to.
        settings (ClipSettings): What to draw.
        videos (dict[str, int]): Number of videos per split, e.g.
            ``dict(train=40, val=10)``.
        seed (int): Seed, not negative. Default: 0.
        workers (int): Processes, see :func:`.run_tasks`. Default: 1.
        overwrite (bool): Throw away a data set of other settings that is
            in the folder. Default: False.
        progress (bool): Show a progress bar. Default: False.

    Returns:
        dict[str, Path]: The merged annotation of each split.

    Raises:
        ValueError: If the folder holds a data set of other settings, a split
            is unknown, or a number is out of its range.
    """
    root = Path(root)
    unknown = set(videos) - set(FIRST_SEQUENCE)
    if unknown:
        raise ValueError(f'unknown splits {sorted(unknown)}, expected '
                         f'{" or ".join(FIRST_SEQUENCE)}')
    for name, value, low in (('seed', seed, 0), ('workers', workers, 1),
                             *((f'videos[{k!r}]', v, 0)
                               for k, v in videos.items())):
        if value < low:
            raise ValueError(f'{name} must be at least {low}, got {value}')
    _claim(
        root,
        dict(
            generator='projects.synthetic',
            version=VERSION,
            seed=seed,
            videos=dict(videos),
            settings=settings.to_dict()), overwrite)
    tasks = [(root, settings, seed, split, number)
             for split, count in videos.items() for number in range(count)]
    waiting = [task for task in tasks if not _is_done(task)]
    for _ in run_tasks(_work, waiting, workers, 'generating', 'video',
                       progress,
                       len(tasks) - len(waiting)):
        pass
    merged = {}
    for split, count in videos.items():
        if count:
            merged[split] = root / 'annotations' / f'synthetic_{split}.json'
            merge_annotations([
                root / 'annotations' / split / f'{video_name(split, i)}.json'
                for i in range(count)
            ], root, merged[split])
    return merged


def _is_done(task: Tuple[Path, ClipSettings, int, str, int]) -> bool:
    root, _, _, split, number = task
    name = video_name(split, number)
    return (root / 'annotations' / split / f'{name}.json').is_file()


def _claim(root: Path, content: Dict[str, Any], overwrite: bool) -> None:
    """Make sure that the folder holds this data set or none."""
    path = root / 'generated.json'
    if path.is_file():
        found = json.loads(path.read_text(encoding='utf-8'))
        if found == content:
            return
        differing = sorted(key for key in {*found, *content}
                           if found.get(key) != content.get(key))
        if not overwrite:
            was, now = ({
                k: settings.get(k)
                for k in differing
            } for settings in (found, content))
            raise ValueError(
                f'{path}: this folder holds clips generated otherwise '
                f'({", ".join(differing)} differ: found {was}, expected {now})'
                '; choose another folder or overwrite it')
        for name in ('images', 'annotations'):
            remove_outputs(root / name)
    write_json(path, content, indent=1)
