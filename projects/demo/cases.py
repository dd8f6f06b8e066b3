"""Held-out persons with their true and predicted poses, for pictures.

Shape shorthand: K = 17 keypoints of PoseTrack18.
"""
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, List, Mapping, Sequence

import numpy as np


@dataclass
class Case:
    """One person in one labelled frame.

    Args:
        image (Path): The frame.
        bbox (np.ndarray): Person box (4, ), x, y, width, height in pixels.
        keypoints (np.ndarray): True keypoints (K, 2), pixels.
        labelled (np.ndarray): Which of them are annotated, (K, ) bool.
        occluded (np.ndarray): Which of them are hidden, (K, ) bool.
        predictions (dict[str, np.ndarray]): Predicted keypoints (K, 2) by
            model name.
    """
    image: Path
    bbox: np.ndarray
    keypoints: np.ndarray
    labelled: np.ndarray
    occluded: np.ndarray
    predictions: Dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def num_occluded(self) -> int:
        """int: Annotated joints that cannot be seen."""
        return int((self.labelled & self.occluded).sum())


def load_cases(ann_file: Path, image_root: Path,
               predictions: Mapping[str, Path]) -> List[Case]:
    """Pair every annotated person with each model's closest prediction.

    Args:
        ann_file (Path): Merged annotations; an annotation's ``occluded``
            list marks its hidden joints and is optional.
        image_root (Path): What ``file_name`` is relative to.
        predictions (Mapping[str, Path]): For each model, its folder of
            official per-video prediction files.

    Returns:
        list[Case]: The persons of labelled frames, in the file's order.
    """
    content = json.loads(ann_file.read_text(encoding='utf-8'))
    images = {image['id']: image for image in content['images']}
    predicted = {
        name: _read_predictions(folder)
        for name, folder in predictions.items()
    }
    cases = []
    for ann in content['annotations']:
        image = images[ann['image_id']]
        triplets = np.reshape(ann['keypoints'], (-1, 3)).astype(float)
        labelled = triplets[:, 2] > 0
        case = Case(
            image=image_root / image['file_name'],
            bbox=np.asarray(ann['bbox'], dtype=float),
            keypoints=triplets[:, :2],
            labelled=labelled,
            occluded=np.asarray(
                ann.get('occluded', [0] * len(labelled)), dtype=bool))
        for name, per_image in predicted.items():
            persons = per_image.get(ann['image_id'], [])
            if persons and labelled.any():
                case.predictions[name] = _closest(persons, case)
        cases.append(case)
    return cases


def pick_cases(cases: Sequence[Case],
               number: int,
               seed: int = 0,
               occluded: bool = True) -> List[Case]:
    """A random choice of well visible, or of partly hidden, persons.

    At most one of each video, whose neighbouring frames look alike.

    Args:
        cases (Sequence[Case]): Where to choose from.
        number (int): How many at most.
        seed (int): Seed of the choice, which looks at no prediction.
        occluded (bool): Persons with at least three hidden joints, or else
            with none.

    Returns:
        list[Case]: The chosen persons.
    """
    if occluded:
        pool = [case for case in cases if case.num_occluded >= 3]
    else:
        pool = [case for case in cases if case.num_occluded == 0]
    chosen: Dict[Path, Case] = {}
    for index in np.random.default_rng(seed).permutation(len(pool)):
        video = pool[index].image.parent
        if len(chosen) < number:
            chosen.setdefault(video, pool[index])
    return list(chosen.values())


def spread_cases(cases: Sequence[Case], number: int) -> List[Case]:
    """Some persons, evenly spread over the file's order, i.e. over time.

    Args:
        cases (Sequence[Case]): Where to choose from.
        number (int): How many at most.

    Returns:
        list[Case]: The chosen persons.
    """
    count = min(number, len(cases))
    places = np.linspace(0, len(cases) - 1, count).round().astype(int)
    return [cases[place] for place in places]


def _read_predictions(folder: Path) -> Dict[int, List[np.ndarray]]:
    per_image: Dict[int, List[np.ndarray]] = {}
    for file in sorted(folder.glob('*.json')):
        content = json.loads(file.read_text(encoding='utf-8'))
        for ann in content['annotations']:
            keypoints = np.reshape(ann['keypoints'], (-1, 3))[:, :2]
            per_image.setdefault(ann['image_id'], []).append(keypoints)
    return per_image


def _closest(persons: Sequence[np.ndarray], case: Case) -> np.ndarray:
    errors = [
        np.linalg.norm(p - case.keypoints, axis=1)[case.labelled].mean()
        for p in persons
    ]
    return persons[int(np.argmin(errors))]
