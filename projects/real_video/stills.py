#!/usr/bin/env python
"""The stills' annotations: split, and with exchanged sides put right.

::

    python -m projects.real_video.stills split STILLS
    python -m projects.real_video.stills relabel CONFIG CHECKPOINT
    python -m projects.real_video.stills teach BLAZEPOSE

STILLS is a folder with ``stills.json``, COCO-style, and ``images/``. What the
trainings read is made in ``work_dirs/real_people``: a link to the images, and
in ``annotations/`` ``train.json`` and ``test.json``, every tenth still by its
id; ``train_relabelled.json``, whose sides a model has put right, or
``train_taught.json``, likewise by BlazePose's poses (:mod:`.blazepose`), whose
agreement with the labels ``teach`` prints.
"""
import argparse
from pathlib import Path
from typing import Tuple

import numpy as np
from mmengine.fileio import load

from mmpose_tdmi.utils.files import write_json
from .pck import found, table
from .people import JOINTS, OTHER_SIDE, People, Poser, read_people

DATA = Path('work_dirs/real_people')
TRAIN, TEST, RELABELLED, TAUGHT = (
    DATA / 'annotations' / f'{name}.json'
    for name in ('train', 'test', 'train_relabelled', 'train_taught'))
#: Each still whose id this divides is kept from training.
HELD_OUT = 10
#: By how large a share of the labelled joints that have sides a model's pose
#: must agree better with the label after an exchange.
MARGIN = 0.5
#: With fewer of such joints labelled, nothing is exchanged.
FEWEST = 6


def split(stills: Path) -> None:
    """Make the data folder of a folder of stills."""
    content = load(stills / 'stills.json')
    for path, is_test in ((TRAIN, False), (TEST, True)):
        images = [
            image for image in content['images']
            if (image['id'] % HELD_OUT == 0) == is_test
        ]
        ids = {image['id'] for image in images}
        persons = [
            ann for ann in content['annotations'] if ann['image_id'] in ids
        ]
        write_json(path, dict(content, images=images, annotations=persons))
        print(f'{path}: {len(persons)} people')
    if not (DATA / 'images').exists():
        (DATA / 'images').symlink_to((stills / 'images').resolve())


def exchanged(people: People, joints: np.ndarray) -> np.ndarray:
    """Whose labels, (N, ), have left and right exchanged, by the model's
    joints (N, K, 2)."""
    sided = people.labelled & (OTHER_SIDE != np.arange(len(JOINTS)))
    plain = (found(people, joints) & sided).sum(axis=1)
    swapped = (found(people, joints[:, OTHER_SIDE]) & sided).sum(axis=1)
    count = sided.sum(axis=1)
    return (count >= FEWEST) & (swapped - plain >= MARGIN * count)


def relabel(config: Path, checkpoint: Path) -> None:
    """Write ``train_relabelled.json``."""
    people = read_people(TRAIN, DATA / 'images')
    joints = Poser(config, checkpoint)(people)[0]
    _exchange(exchanged(people, joints), RELABELLED)


def teach(poses: Path) -> None:
    """Write ``train_taught.json``."""
    for path in (TEST, TRAIN):
        people, joints = _taught(path, load(poses))
        hits = found(people, joints)
        print(f'{path}: BlazePose has {people.labelled.any(axis=1).sum()} of '
              f'{len(joints)} people, and finds {table(people, hits)}')
    _exchange(exchanged(people, joints), TAUGHT)


def _taught(path: Path, poses: dict) -> Tuple[People, np.ndarray]:
    """People, with those joints labelled that BlazePose has, and its joints,
    (N, K, 2)."""
    people = read_people(path, DATA / 'images')
    persons = [x for x in load(path)['annotations'] if x['num_keypoints']]
    joints = np.full(people.joints.shape, np.nan)
    for row, person in zip(joints, persons):
        for name, point in poses.get(str(person['image_id']), {}).items():
            row[JOINTS.index(name)] = point[:2]
    known = people.labelled & np.isfinite(joints).all(axis=-1)
    return people._replace(labelled=known), joints


def _exchange(is_exchanged: np.ndarray, path: Path) -> None:
    """Write the training's annotations with some people's sides exchanged."""
    content = load(TRAIN)
    persons = [ann for ann in content['annotations'] if ann['num_keypoints']]
    for ann, is_wrong in zip(persons, is_exchanged):
        if is_wrong:
            joints = np.reshape(ann['keypoints'], (-1, 3))
            ann['keypoints'] = joints[OTHER_SIDE].ravel().tolist()
    write_json(path, content)
    print(f'{is_exchanged.sum()} of {len(persons)} people relabelled')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest='command', required=True)
    command = commands.add_parser('split')
    command.add_argument('stills', type=Path)
    command = commands.add_parser('relabel')
    command.add_argument('config', type=Path)
    command.add_argument('checkpoint', type=Path)
    command = commands.add_parser('teach')
    command.add_argument('poses', type=Path)
    options = vars(parser.parse_args())
    dict(
        split=split, relabel=relabel,
        teach=teach)[options.pop('command')](**options)


if __name__ == '__main__':
    main()
