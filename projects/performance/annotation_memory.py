"""Print time and memory that loading large annotations takes.

A made-up file of a benchmark's size is written to a temporary folder and each
loader reads it in a process of its own. Memory is the highest resident size
of that process (VmHWM, Linux), imports included; the first row is what the
imports alone take. The defaults are PoseTrack21's pose annotations and
videos, train and val in one file.

Examples:
    python projects/performance/annotation_memory.py
    python projects/performance/annotation_memory.py --dataset hieve \\
        --poses 1099357 --videos 32 --frames 1557 --labelled 1557
"""
import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Callable, Dict, Optional, Sequence, TextIO

import numpy as np

DATASETS = dict(
    posetrack21='PoseTrack21SequenceDataset', hieve='HiEveSequenceDataset')
SIZE = (1280, 720)


def write_annotations(path: Path, dataset: str, poses: int, videos: int,
                      frames: int, labelled: int) -> None:
    """Write a converted annotation file of this size, all numbers made up.

    Args:
        path (Path): The file.
        dataset (str): A key of :data:`DATASETS`.
        poses (int): Annotated persons in all.
        videos (int): Videos.
        frames (int): Frames of each video.
        labelled (int): Labelled frames in the middle of each video.
    """
    from mmpose_tdmi.datasets import body
    info = body.__dict__[DATASETS[dataset]]._load_metainfo()
    names = [info['keypoint_id2name'][i] for i in range(info['num_keypoints'])]
    rng = np.random.default_rng(0)
    first = (frames - labelled) // 2
    images, tables, keys = [], [], []
    for video in range(videos):
        name = f'{video:06d}_mpii_test'
        folder = f'images/train/{name}'
        tables.append(
            dict(
                id=f'{video:06d}',
                name=name,
                file_names=[f'{folder}/{i:06d}.jpg' for i in range(frames)],
                frame_ids=list(range(frames))))
        for i in range(frames):
            id_ = 10**10 + video * 10**4 + i
            is_labeled = first <= i < first + labelled
            region = rng.uniform(0, 700, (2, 6)).round(1).tolist()
            images.append(
                dict(
                    id=id_,
                    frame_id=id_,
                    file_name=f'{folder}/{i:06d}.jpg',
                    vid_id=f'{video:06d}',
                    nframes=frames,
                    width=SIZE[0],
                    height=SIZE[1],
                    is_labeled=is_labeled,
                    ignore_regions_x=region[:1] * is_labeled,
                    ignore_regions_y=region[1:] * is_labeled))
            if is_labeled:
                keys.append(id_)
    with path.open('w', encoding='utf-8') as file:
        file.write('{"info": {}, "categories": ')
        json.dump([dict(id=1, name='person', keypoints=names)], file)
        file.write(', "videos": ')
        json.dump(tables, file)
        file.write(', "images": ')
        json.dump(images, file)
        file.write(', "annotations": [')
        _write_persons(file, poses, keys, len(names), rng)
        file.write(']}')


def _write_persons(file: TextIO, poses: int, image_ids: Sequence[int],
                   num_keypoints: int, rng: np.random.Generator) -> None:
    for start in range(0, poses, 10000):
        count = min(10000, poses - start)
        corners = rng.uniform((0, 0), (1000, 400), (count, 2))
        extents = rng.uniform((20, 60), (250, 300), (count, 2))
        joints = np.ones((count, num_keypoints, 3))
        joints[..., :2] = corners[:, None] + extents[:, None] * rng.uniform(
            size=(count, num_keypoints, 2))
        joints[rng.uniform(size=joints.shape[:2]) < 0.2] = 0
        joints = joints.round(3)
        boxes = np.concatenate([corners, extents], axis=1).round(3)
        for i in range(count):
            number = start + i
            image_id = image_ids[number * len(image_ids) // poses]
            person = dict(
                id=image_id * 1000 + number % 1000,
                image_id=image_id,
                category_id=1,
                track_id=number % 100,
                person_id=number % 5000,
                bbox=boxes[i].tolist(),
                area=float(boxes[i, 2] * boxes[i, 3]),
                bbox_head=(boxes[i] * (1, 1, .3, .2)).round(3).tolist(),
                keypoints=joints[i].ravel().tolist(),
                num_keypoints=int(joints[i, :, 2].sum()),
                iscrowd=0)
            file.write((', ' if number else '') + json.dumps(person))


def load_dataset(path: str, dataset: str) -> int:
    """Load the file as a training set; the number of its samples."""
    from mmpose_tdmi.datasets import body
    return len(body.__dict__[DATASETS[dataset]](path, delta=2))


def load_metric(path: str, dataset: str) -> int:
    """Load the file as PoseTrackMetric does; the number of its persons."""
    from mmpose_tdmi.evaluation import load_annotations
    return sum(video.num_persons for video in load_annotations(path).values())


def load_both(path: str, dataset: str) -> int:
    """Dataset and metric in one process, as in validation."""
    kept = load_dataset(path, dataset)
    return min(kept, load_metric(path, dataset))


def load_nothing(path: str, dataset: str) -> int:
    """Only what the imports take."""
    return 0


LOADERS: Dict[str, Callable[[str, str], int]] = {
    'imports': load_nothing,
    'dataset': load_dataset,
    'metric': load_metric,
    'both': load_both
}


def peak_memory() -> float:
    """The highest resident size of this process so far, in GB."""
    for line in Path('/proc/self/status').read_text().splitlines():
        if line.startswith('VmHWM:'):
            return int(line.split()[1]) * 1024 / 1e9
    raise RuntimeError('/proc/self/status has no VmHWM')


def measure(loader: str, path: str, dataset: str) -> Dict[str, float]:
    """Load in this process.

    Returns:
        dict[str, float]: ``seconds`` and ``cpu_seconds`` without imports,
        ``gigabytes`` and ``persons``.
    """
    import mmpose_tdmi.datasets  # noqa: F401
    import mmpose_tdmi.evaluation  # noqa: F401
    start, cpu_start = time.perf_counter(), time.process_time()
    persons = LOADERS[loader](path, dataset)
    return dict(
        seconds=time.perf_counter() - start,
        cpu_seconds=time.process_time() - cpu_start,
        gigabytes=peak_memory(),
        persons=persons)


def parse_args(args: Optional[Sequence[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        '--dataset', choices=DATASETS, default='posetrack21', help='layout')
    parser.add_argument('--poses', type=int, default=177164)
    parser.add_argument('--videos', type=int, default=593 + 170)
    parser.add_argument(
        '--frames', type=int, default=87, help='frames of each video')
    parser.add_argument(
        '--labelled', type=int, default=47, help='labelled ones among them')
    parser.add_argument(
        '--loaders', nargs='+', choices=LOADERS, default=list(LOADERS))
    parser.add_argument('--measure', help=argparse.SUPPRESS)
    return parser.parse_args(args)


def main(args: Optional[Sequence[str]] = None) -> None:
    args = parse_args(args)
    if args.measure:
        loader, = args.loaders
        print(json.dumps(measure(loader, args.measure, args.dataset)))
        return
    if not 0 < args.labelled <= args.frames:
        raise SystemExit('error: --labelled must be 1 to --frames, got '
                         f'{args.labelled} of {args.frames}')
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'annotations.json'
        write_annotations(path, args.dataset, args.poses, args.videos,
                          args.frames, args.labelled)
        print(f'{args.dataset}: {args.poses} poses in {args.videos} videos of '
              f'{args.frames} frames, {args.labelled} labelled; '
              f'{path.stat().st_size / 1e6:.0f} MB of json\n')
        print('| loader | poses | seconds | of them CPU | peak memory, GB |')
        print('|---|---|---|---|---|')
        for loader in args.loaders:
            command = [
                sys.executable, '-W', 'ignore', __file__, '--dataset',
                args.dataset, '--loaders', loader, '--measure',
                str(path)
            ]
            done = subprocess.run(
                command, stdout=subprocess.PIPE, text=True, check=True)
            row = json.loads(done.stdout.splitlines()[-1])
            print(f'| {loader} | {row["persons"]} | {row["seconds"]:.1f} | '
                  f'{row["cpu_seconds"]:.1f} | {row["gigabytes"]:.2f} |')


if __name__ == '__main__':
    main()
