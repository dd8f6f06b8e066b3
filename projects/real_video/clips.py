#!/usr/bin/env python
"""Clips of real people to train and to test temporal models on.

::

    python -m projects.real_video.clips --stills STILLS --parkour PARKOUR \
--videos VIDEOS

writes PoseTrack18-style clips of LSP's 14 joints to
``work_dirs/real_people/clips``: ``train``, of photographs that are moved as
people in the videos of parkour move, and of those videos; ``val``, of
photographs held out, of parkour by athletes held out, and of labelled videos,
once clean and once with each corruption.

Shape letters: F frames, K = 14 joints in LSP's order.
"""
import argparse
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Sequence, Tuple

import cv2
import numpy as np
from mmengine.fileio import load
from tqdm import tqdm

from mmpose_tdmi.utils.files import write_json
from mmpose_tdmi.video.decoding import open_video
from .corruption import CORRUPTIONS, events_of
from .pck import torsos
from .people import JOINTS, People, read_image, read_people
from .stills import DATA, RELABELLED, TEST

CLIPS = DATA / 'clips'
#: Frames of a clip from a photograph; the key frame is in the middle.
LENGTH = 5
KEY = LENGTH // 2
#: Whose videos of parkour are kept for the test.
TEST_ATHLETES = ('PKLT', 'PKMT')
#: How many photographs become clips.
TRAIN_STILLS, TEST_STILLS = 2000, 300
#: Of how many clips of training something happens to the frames, and what.
DAMAGED = 0.6
TRAIN_KINDS = ('occluded', 'blurred', 'dropped')
TRAIN_SHARES = (0.6, 0.25, 0.15)
#: Each so manyeth frame of a parkour video is a sample.
STRIDE = 3


class Video(NamedTuple):
    """A person along a video."""
    name: str
    frames: List[np.ndarray]
    people: People
    #: The frame of each of the people, (N, ).
    index: np.ndarray


class Writer:
    """Writes clips and one annotation file of them all.

    Args:
        split: ``'train'`` or ``'val'``.
    """

    def __init__(self, split: str) -> None:
        self.split = split
        self._images: List[dict] = []
        self._persons: List[dict] = []
        self._count = 0

    def add(self, name: str, frames: Sequence[np.ndarray], people: People,
            index: Sequence[int], covered: np.ndarray, hit: np.ndarray,
            kind: str, scene: str) -> None:
        """A clip; of the people those at the frames of ``index``."""
        self._count += 1
        folder = f'images/{self.split}/{name}'
        (CLIPS / folder).mkdir(parents=True, exist_ok=True)
        first = self._count * 10000
        for t, frame in enumerate(frames):
            path = f'{folder}/{t:06d}.jpg'
            if not cv2.imwrite(
                    str(CLIPS / path), frame, [cv2.IMWRITE_JPEG_QUALITY, 95]):
                raise OSError(f'{CLIPS / path} cannot be written')
            self._images.append(
                dict(
                    id=first + t,
                    frame_id=first + t,
                    file_name=path,
                    vid_id=f'{self._count:06d}',
                    nframes=len(frames),
                    is_labeled=t in index,
                    width=frame.shape[1],
                    height=frame.shape[0]))
        for place, t in enumerate(index):
            seen = people.labelled[place].astype(float)
            x1, y1, x2, y2 = people.boxes[place]
            self._persons.append(
                dict(
                    id=first + int(t),
                    image_id=first + int(t),
                    category_id=1,
                    track_id=0,
                    iscrowd=False,
                    num_keypoints=int(seen.sum()),
                    area=(x2 - x1) * (y2 - y1),
                    bbox=[x1, y1, x2 - x1, y2 - y1],
                    keypoints=np.column_stack([people.joints[place],
                                               seen]).ravel().tolist(),
                    covered=covered[t].tolist(),
                    hit=bool(hit[t]),
                    kind=kind,
                    scene=scene))

    def close(self) -> None:
        """Write the annotations."""
        category = dict(
            id=1, name='person', supercategory='person', keypoints=JOINTS)
        write_json(
            CLIPS / f'annotations/{self.split}.json',
            dict(
                images=self._images,
                annotations=self._persons,
                categories=[category]))
        print(f'{self.split}: {self._count} clips, '
              f'{len(self._persons)} samples')


def read_parkour(folder: Path) -> Iterator[Video]:
    """The videos of LAAS Parkour and the joints of motion capture."""
    for path in sorted(folder.glob('annotations/*.json')):
        with open_video(folder / f'videos/{path.stem}.mp4') as source:
            frames = [frame.image for frame in source]
        yield _video(path, folder, frames)


def read_videos(folder: Path) -> Iterator[Video]:
    """Labelled videos in PoseTrack18's layout, one person each."""
    for path in sorted(folder.glob('annotations/val/*.json')):
        images = load(path)['images']
        frames = [read_image(folder / image['file_name']) for image in images]
        yield _video(path, folder, frames)


def _video(path: Path, folder: Path, frames: List[np.ndarray]) -> Video:
    content = load(path)
    order = {image['id']: i for i, image in enumerate(content['images'])}
    index = np.array([
        order[ann['image_id']] for ann in content['annotations']
        if ann['num_keypoints']
    ])
    people = read_people(path, folder)
    # a container may hold fewer frames than were labelled
    inside = index < len(frames)
    if not inside.all():
        print(f'{path.name}: {np.sum(~inside)} people are labelled in frames '
              f'after the last of {len(frames)}, and left out')
    return Video(
        path.stem, frames,
        People([x for x, good in zip(people.images, inside) if good],
               *(array[inside] for array in people[1:])), index[inside])


def motions(videos: Sequence[Video]) -> np.ndarray:
    """How joints moved from a key frame to the frames around it, in torsos,
    (n, LENGTH, K, 2), of all people in videos whose window is complete."""
    found = []
    sided = [
        i for i, name in enumerate(JOINTS)
        if '_' in name and name != 'head_top'
    ]
    shoulders = [
        JOINTS.index(f'{side}_shoulder') for side in ('left', 'right')
    ]
    for video in videos:
        place = {int(t): i for i, t in enumerate(video.index)}
        torso = np.nanmedian(torsos(video.people))
        for t in place:
            for step in (1, 2):
                around = [t + step * (o - KEY) for o in range(LENGTH)]
                if not all(x in place for x in around):
                    continue
                rows = [place[x] for x in around]
                if not video.people.labelled[rows][:, sided].all():
                    continue
                joints = video.people.joints[rows].copy()
                for name in ('neck', 'head_top'):
                    joints[:,
                           JOINTS.index(name)] = joints[:,
                                                        shoulders].mean(axis=1)
                found.append((joints - joints[KEY]) / torso)
    return np.array(found, np.float32)


def moved(image: np.ndarray, joints: np.ndarray, labelled: np.ndarray,
          motion: np.ndarray, torso: float) -> np.ndarray:
    """A photograph whose joints (K, 2) have moved by ``motion``, (K, 2).

    What is around a joint moves with it, what is further than about half a
    torso from all joints stays.
    """
    height, width = image.shape[:2]
    cells = 24
    # the middles of coarse cells, as cv2.resize has them
    x, y = ((np.arange(cells) + .5) * n / cells - .5 for n in (width, height))
    target = np.stack(np.meshgrid(x, y), axis=-1)
    known = joints[labelled]
    shift = motion[labelled] * torso
    source = target
    for _ in range(3):
        apart = ((source[:, :, None] - known)**2).sum(axis=-1)
        weight = np.exp(-apart / (2 * (0.35 * torso)**2))
        field = (weight @ shift) / (weight.sum(axis=-1, keepdims=True) + 0.05)
        source = target - field
    field = cv2.resize(field.astype(np.float32), (width, height))
    x, y = np.meshgrid(
        np.arange(width, dtype=np.float32),
        np.arange(height, dtype=np.float32))
    return cv2.remap(
        image,
        x - field[..., 0],
        y - field[..., 1],
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE)


def still_clip(people: People, place: int, library: np.ndarray, torso: float,
               rng: np.random.Generator) -> Tuple[list, np.ndarray]:
    """Frames, and joints (LENGTH, K, 2), of a photograph that is moved."""
    motion = library[rng.integers(len(library))]
    if rng.random() < .5:
        motion = motion * (-1, 1)
    image = read_image(people.images[place])
    joints, labelled = people.joints[place], people.labelled[place]
    frames = [
        image if o == KEY else moved(image, joints, labelled, motion[o], torso)
        for o in range(LENGTH)
    ]
    return frames, np.where(labelled[:, None], joints + motion * torso, np.nan)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--stills', type=Path, required=True)
    parser.add_argument('--parkour', type=Path, required=True)
    parser.add_argument('--videos', type=Path, required=True)
    args = parser.parse_args()
    parkour: Dict[bool, List[Video]] = {True: [], False: []}
    for video in read_parkour(args.parkour):
        parkour[video.name.endswith(TEST_ATHLETES)].append(video)
    library = motions(parkour[False])
    print(f'{len(library)} motions')
    write_train(args.stills, library, parkour[False])
    write_val(args.stills, library, parkour[True], args.videos)


def write_train(folder: Path, library: np.ndarray,
                videos: Sequence[Video]) -> None:
    """Clips of training."""
    writer = Writer('train')
    rng = np.random.default_rng(0)
    people, chosen = _some(RELABELLED, folder, TRAIN_STILLS, rng)
    textures = _textures(people, rng)
    lengths = torsos(people)
    for place in tqdm(chosen, 'stills'):
        frames, joints = still_clip(people, place, library, lengths[place],
                                    rng)
        # mostly the key frame, sometimes one beside it
        event = KEY + rng.choice([-1, 0, 0, 0, 0, 1])
        kind, damaged = _damage(frames, joints, lengths[place], [event], rng,
                                textures)
        writer.add(f'still_{place:05d}', damaged.frames,
                   People(*([x[place]] for x in people)), [KEY],
                   damaged.covered, damaged.hit, kind, 'still')
    for video in tqdm(videos, 'parkour'):
        for name, is_clean in ((video.name, True), (f'{video.name}_damaged',
                                                    False)):
            torso = float(np.nanmedian(torsos(video.people)))
            joints = _every(video)
            kind, damaged = _damage(video.frames, joints, torso,
                                    events_of(len(video.frames), rng), rng,
                                    textures, 'clean' if is_clean else None)
            keep = slice(int(not is_clean), None, 2 * STRIDE)
            writer.add(name, damaged.frames,
                       People(*(x[keep] for x in video.people)),
                       video.index[keep], damaged.covered, damaged.hit, kind,
                       video.name)
    writer.close()


def write_val(folder: Path, library: np.ndarray, parkour: Sequence[Video],
              videos: Path) -> None:
    """Clips of the test."""
    writer = Writer('val')
    rng = np.random.default_rng(1)
    people, chosen = _some(TEST, folder, TEST_STILLS, rng)
    textures = _textures(people, rng)
    lengths = torsos(people)
    for place in tqdm(chosen, 'stills'):
        frames, joints = still_clip(people, place, library, lengths[place],
                                    rng)
        for kind in ('clean', 'occluded', 'blurred'):
            damaged = CORRUPTIONS[kind](frames, joints, lengths[place], [KEY],
                                        rng, textures)
            writer.add(f'still_{place:05d}_{kind}', damaged.frames,
                       People(*([x[place]] for x in people)), [KEY],
                       damaged.covered, damaged.hit, kind,
                       f'still_{place:05d}')
    for video in parkour:
        writer.add(
            video.name, video.frames, video.people, video.index,
            *CORRUPTIONS['clean'](video.frames, _every(video), 1., [], rng,
                                  textures)[1:], 'clean', video.name)
    for video in read_videos(videos):
        torso = float(np.nanmedian(torsos(video.people)))
        for kind, damage in CORRUPTIONS.items():
            damaged = damage(video.frames, _every(video), torso,
                             events_of(len(video.frames), rng), rng, textures)
            writer.add(f'{video.name}_{kind}', damaged.frames, video.people,
                       video.index, damaged.covered, damaged.hit, kind,
                       video.name)
    for video in parkour:
        torso = float(np.nanmedian(torsos(video.people)))
        damaged = CORRUPTIONS['occluded'](video.frames, _every(video), torso,
                                          events_of(len(video.frames), rng),
                                          rng, textures)
        writer.add(f'{video.name}_occluded', damaged.frames, video.people,
                   video.index, damaged.covered, damaged.hit, 'occluded',
                   video.name)
    writer.close()


def _some(path: Path, folder: Path, count: int,
          rng: np.random.Generator) -> Tuple[People, np.ndarray]:
    """People of a file, and which of them, with a torso, are chosen."""
    people = read_people(path, folder / 'images')
    good = np.flatnonzero(np.isfinite(torsos(people)) & (torsos(people) > 10))
    return people, np.sort(rng.permutation(good)[:count])


def _textures(people: People, rng: np.random.Generator) -> List[np.ndarray]:
    return [
        read_image(people.images[i])
        for i in rng.integers(len(people.images), size=60)
    ]


def _every(video: Video) -> np.ndarray:
    """Joints of each frame, (F, K, 2); those of the last labelled frame, or of
    the first, where there are none."""
    last = np.searchsorted(video.index, range(len(video.frames)), 'right') - 1
    joints = video.people.joints[np.maximum(last, 0)]
    labelled = video.people.labelled[np.maximum(last, 0)]
    return np.where(labelled[..., None], joints, np.nan)


def _damage(frames, joints, torso, events, rng, textures, kind=None):
    if kind is None:
        kind = rng.choice(TRAIN_KINDS, p=TRAIN_SHARES)
        if len(frames) == LENGTH and rng.random() > DAMAGED:
            kind = 'clean'
    return kind, CORRUPTIONS[kind](frames, joints, torso, events, rng,
                                   textures)


if __name__ == '__main__':
    main()
