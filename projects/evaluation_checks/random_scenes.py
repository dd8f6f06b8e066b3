"""Random people in the frames of a video, annotated and predicted.

Shape shorthand: J = 15 joints, R = 8 corners.
"""
from dataclasses import dataclass, replace
from typing import Any, Dict, List, Optional

import numpy as np

from mmpose_tdmi.evaluation.functional import POSEVAL_JOINTS

_J = len(POSEVAL_JOINTS)
_WIDTH, _HEIGHT = 1280., 720.


@dataclass(frozen=True)
class RandomSetSettings:
    """What a random set is like.

    Args:
        videos (int): Number of videos.
        frames (int): Labelled frames per video.
        persons (int): Most people in a video.
        gt_format (str): ``'posetrack18'`` or ``'posetrack17'``.
        pred_format (str): The same, of the predictions.
        fill (float): Share of the frames that a person is in.
        unlabelled (float): Unlabelled frames per labelled one.
        missing (float): Share of the joints that are not annotated.
        regions (float): Ignore regions per frame, on average.
        spurious (float): Predictions of nobody per frame, on average.
        lost (float): Share of the persons that are not predicted.
        boxes_only (float): Share of the unlabelled frames that list persons
            without joints, as PoseTrack21 does.
        occupied (bool): Whether somebody is annotated in every labelled frame.
        unseen (str, optional): A joint that is annotated nowhere.
        digits (int, optional): Decimals of the predictions. Defaults to
            None, those of single precision.
    """
    videos: int = 3
    frames: int = 8
    persons: int = 5
    gt_format: str = 'posetrack18'
    pred_format: str = 'posetrack18'
    fill: float = 0.8
    unlabelled: float = 0.3
    missing: float = 0.2
    regions: float = 0.5
    spurious: float = 0.4
    lost: float = 0.15
    boxes_only: float = 0.
    occupied: bool = False
    unseen: Optional[str] = None
    digits: Optional[int] = None

    @classmethod
    def varied(cls, seed: int) -> 'RandomSetSettings':
        """Settings that differ from seed to seed, all formats in turn."""
        random = np.random.RandomState(seed)
        formats = ('posetrack18', 'posetrack17')
        return cls(
            videos=int(random.randint(1, 5)),
            frames=int(random.randint(3, 13)),
            persons=int(random.randint(1, 8)),
            gt_format=formats[seed % 2],
            pred_format=formats[seed // 2 % 2],
            fill=float(random.uniform(0.4, 1)),
            unlabelled=float(random.uniform(0, 0.6)),
            missing=float(random.uniform(0, 0.5)),
            regions=float(random.uniform(0, 1.5)),
            spurious=float(random.uniform(0, 1.5)),
            lost=float(random.uniform(0, 0.4)),
            unseen=POSEVAL_JOINTS[seed % _J] if seed % 5 == 4 else None)

    @classmethod
    def posetrack21(cls, seed: int) -> 'RandomSetSettings':
        """Sets that PoseTrack21's evaluator can read, varied.

        It fails on labelled frames without persons. Every third set has
        frames without predictions.
        """
        varied = cls.varied(seed)
        few: Dict[str, Any] = {}
        if seed % 3 == 2:
            few = dict(lost=0.6, spurious=0.1)
        return replace(
            varied,
            gt_format='posetrack18',
            pred_format='posetrack18',
            boxes_only=0.5,
            occupied=True,
            regions=varied.regions / 5,
            **few)

    @classmethod
    def posetrack18_val(cls) -> 'RandomSetSettings':
        """As many videos, labelled frames and people as PoseTrack18 val."""
        return cls(
            videos=170, frames=47, persons=10, regions=1., unlabelled=0.)


def random_video(settings: RandomSetSettings, random: np.random.RandomState,
                 name: str) -> List[Dict[str, Any]]:
    """Draw a video.

    Args:
        settings (RandomSetSettings): What it is like.
        random (np.random.RandomState): Where chance comes from.
        name (str): The video's name.

    Returns:
        list[dict]: Its frames: ``name`` of the image, ``number``,
        ``labelled``, ignore ``regions`` ((R, 2) each), and the persons in
        ``gt`` (``track``, ``xy`` (J, 2), ``present`` (J, ), ``head`` as x, y,
        width, height) and ``pred`` (``scores`` (J, ) instead of ``head``).
    """
    total = settings.frames + int(round(settings.frames * settings.unlabelled))
    labelled = np.arange(total) < settings.frames
    random.shuffle(labelled)
    people = random.randint(1, settings.persons + 1)
    centres = random.uniform([0, 0], [_WIDTH, _HEIGHT], (people, 2))
    shapes = random.uniform(-80, 80, (people, _J, 2))
    heads = random.uniform(15, 60, (people, 2))
    tracks = np.arange(people)
    frames = []
    for number in range(total):
        centres = centres + random.normal(0, 8, centres.shape)
        if random.rand() < 0.15:
            random.shuffle(tracks)
        poses = centres[:, None] + shapes + random.normal(0, 3, shapes.shape)
        frame = dict(
            name=f'images/val/{name}/{number:06d}.jpg',
            number=number,
            labelled=bool(labelled[number]),
            gt=[],
            pred=_predictions(settings, random, poses, heads, tracks),
            regions=[])
        if labelled[number]:
            # the original cannot track in videos with one annotated frame
            certain = settings.occupied or labelled[:number].sum() < 2
            frame['gt'] = _people(settings, random, poses, heads, certain)
            frame['regions'] = _regions(settings, random)
        elif random.rand() < settings.boxes_only:
            frame['gt'] = [
                dict(person, present=np.zeros(_J, dtype=bool))
                for person in _people(settings, random, poses, heads)
            ]
        frames.append(frame)
    return frames


def _people(settings: RandomSetSettings,
            random: np.random.RandomState,
            poses: np.ndarray,
            heads: np.ndarray,
            certain: bool = False) -> List[Dict[str, Any]]:
    people = []
    for track, (pose, head) in enumerate(zip(poses, heads)):
        absent = random.rand() >= settings.fill
        if absent and not (certain and track == 0):
            continue
        present = random.rand(_J) >= settings.missing
        if random.rand() < 0.05:
            present[:] = False
        if settings.unseen is not None:
            present[POSEVAL_JOINTS.index(settings.unseen)] = False
        corner = np.round(pose[-1] - head / 2)
        people.append(
            dict(
                track=track,
                xy=np.round(pose, 4),
                present=present,
                head=np.concatenate([corner, np.round(head)])))
    return people


def _predictions(settings: RandomSetSettings, random: np.random.RandomState,
                 poses: np.ndarray, heads: np.ndarray,
                 tracks: np.ndarray) -> List[Dict[str, Any]]:
    predictions = []
    for pose, head, track in zip(poses, heads, tracks):
        if random.rand() < settings.lost:
            continue
        # around the reach of half a head size: hits and misses
        spread = 0.6 * np.linalg.norm(head) * random.uniform(0.05, 0.6)
        predictions.append(
            (int(track), pose + random.normal(0, spread, pose.shape)))
    for number in range(random.poisson(settings.spurious)):
        centre = random.uniform([0, 0], [_WIDTH, _HEIGHT])
        predictions.append(
            (500 + number, centre + random.uniform(-80, 80, (_J, 2))))
    order = random.permutation(len(predictions))
    return [
        dict(
            track=predictions[i][0],
            xy=_rounded(predictions[i][1], settings.digits),
            present=random.rand(_J) >= settings.missing / 4,
            scores=_rounded(random.uniform(0.05, 1, _J), settings.digits))
        for i in order
    ]


def _rounded(values: np.ndarray, digits: Optional[int]) -> np.ndarray:
    if digits is not None:
        return np.round(values, digits)
    return values.astype(np.float32).astype(np.float64)


def _regions(settings: RandomSetSettings,
             random: np.random.RandomState) -> List[np.ndarray]:
    """Polygons, convex, concave and crossing themselves, (R, 2) each."""
    regions = []
    for _ in range(random.poisson(settings.regions)):
        angles = np.sort(random.uniform(0, 2 * np.pi, 8))
        if random.rand() < 0.3:
            random.shuffle(angles)
        radii = random.uniform(20, 200, 8)
        corners = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        centre = random.uniform([0, 0], [_WIDTH, _HEIGHT])
        regions.append(np.round(centre + radii[:, None] * corners))
    return regions
