"""Constructed poses with known errors."""
import numpy as np
import pytest

from mmpose_tdmi.evaluation.functional import (POSEVAL_JOINTS,
                                               AnnotatedSequence,
                                               PredictedSequence)

#: A head box with this diagonal makes a head size of 30 pixels.
HEAD_BOX = (30., 40.)
#: Joints on a grid far wider than a head.
POSE = np.array([(100. * (i % 4), 100. * (i // 4)) for i in range(15)])


class Scene:
    """Persons of one video and the predictions for them.

    Args:
        num_frames (int): Frames of the video.
    """
    HEAD = 30.
    POSE = POSE

    def __init__(self, num_frames=1):
        self.num_frames = num_frames
        self.persons, self.predictions = [], []

    def person(self,
               frame=0,
               shift=(0, 0),
               absent=(),
               track=-1,
               head=1.,
               visibility=2.):
        """Annotate a person; gives its keypoints."""
        keypoints = POSE + np.asarray(shift, dtype=float)
        self.persons.append(
            (frame, keypoints, _mask(absent), track, head, visibility))
        return keypoints

    def predict(self, keypoints, frame=0, absent=(), score=1.):
        """Predict a person."""
        self.predictions.append(
            (frame, np.array(keypoints, dtype=float), _mask(absent), score))

    def sequences(self):
        """The two sequences."""
        persons = sorted(self.persons, key=lambda p: p[0])
        predictions = sorted(self.predictions, key=lambda p: p[0])
        count = len(persons)
        names = [f'clip/{i:06d}.jpg' for i in range(self.num_frames)]
        shared = dict(
            name='clip',
            frame_names=names,
            frame_ids=np.arange(self.num_frames))
        corners = np.array([k.min(axis=0)
                            for _, k, *_ in persons]).reshape(count, 2)
        ends = np.array([k.max(axis=0)
                         for _, k, *_ in persons]).reshape(count, 2)
        heads = np.array([p[4] for p in persons])[:, None]
        annotated = AnnotatedSequence(
            frame_index=np.array([p[0] for p in persons], dtype=int),
            keypoints=np.array([p[1] for p in persons]).reshape(count, 15, 2),
            present=np.array([p[2] for p in persons],
                             dtype=bool).reshape(count, 15),
            track_ids=np.array([p[3] for p in persons], dtype=int),
            head_boxes=np.concatenate(
                [np.zeros((count, 2)), heads * np.array(HEAD_BOX)], axis=1),
            boxes=np.concatenate([corners, ends], axis=1),
            visibility=np.array([np.broadcast_to(p[5], 15)
                                 for p in persons]).reshape(count, 15),
            labelled=np.ones(self.num_frames, dtype=bool),
            annotated=np.isin(
                np.arange(self.num_frames), [p[0] for p in persons]),
            ignore_regions=[[] for _ in names],
            **shared)
        count = len(predictions)
        predicted = PredictedSequence(
            frame_index=np.array([p[0] for p in predictions], dtype=int),
            keypoints=np.array([p[1]
                                for p in predictions]).reshape(count, 15, 2),
            present=np.array([p[2] for p in predictions],
                             dtype=bool).reshape(count, 15),
            track_ids=np.full(count, -1),
            scores=np.array([np.broadcast_to(p[3], 15)
                             for p in predictions]).reshape(count, 15),
            **shared)
        return annotated, predicted


def _mask(absent):
    return np.array([name not in absent for name in POSEVAL_JOINTS])


@pytest.fixture
def scene():
    """A scene of one frame."""
    return Scene()


@pytest.fixture
def make_scene():
    """``make_scene(num_frames)``."""
    return Scene


@pytest.fixture
def random_scenes():
    """Ten scenes of jittered people, some missed, some joints absent."""
    rng = np.random.default_rng(0)
    scenes = []
    for _ in range(10):
        scene = Scene(num_frames=3)
        for frame in range(3):
            before = None
            for track in range(3):
                shift = rng.uniform(0, 60, 2) + 30 * track
                keypoints = scene.person(
                    frame,
                    shift,
                    absent=rng.choice(POSEVAL_JOINTS, rng.integers(0, 4)),
                    track=track,
                    head=rng.uniform(0.3, 4),
                    visibility=rng.integers(0, 3, 15).astype(float))
                if rng.random() < 0.8:
                    order = np.arange(15)
                    if rng.random() < 0.3:
                        order[[1, 4]] = 4, 1  # the knees
                    pose = keypoints[order] + rng.normal(0, 15, (15, 2))
                    if track and rng.random() < 0.5:
                        pose[11] = before[11]  # another one's wrist
                    scene.predict(
                        pose,
                        frame,
                        absent=rng.choice(POSEVAL_JOINTS, 1),
                        score=rng.random(15))
                before = keypoints
            scene.predict(rng.uniform(0, 300, (15, 2)), frame, score=0.5)
        scenes.append(scene)
    return scenes
