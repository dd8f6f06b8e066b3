"""MMDetection's ByteTrack behind this package's interface.

Boxes of high scores are paired with tracks first, those of low scores with
what is left, so that a half-hidden person's weak box keeps the track going
(Zhang et al., ECCV 2022). It needs MMDetection and ``lap``, which that
implementation solves its assignments with.

Shape shorthand: N boxes of a frame.
"""
from typing import Any, List, Optional

import numpy as np
import torch
from mmengine.structures import InstanceData

from mmpose_tdmi.video.structures import TrackedBox
from .iou_tracker import share_inside
from .person_tracker import PersonTracker, check_boxes, make_box


class ByteTracker(PersonTracker):
    """Pairs boxes with tracks by overlap, strong ones first.

    Which boxes start a track is MMDetection's rule: while nobody is tracked
    those above ``init_score``, later those above ``high_score``; other boxes
    that continue no track are left out. Its tracker wants detections in every
    frame, so it is shown those frames only that have some, and what lies
    between is passed on to its motion model.

    Args:
        high_score (float): From here a box is strong. Defaults to 0.6.
        low_score (float): Weaker boxes are left out. Defaults to 0.1.
        init_score (float): From here a box starts a track. Defaults to 0.7.
        max_age (int): Frames with detections for which a person who is not
            seen is remembered. Defaults to 30.
        min_inside (float): As :class:`IoUTracker`'s. Defaults to 0.25.

    Raises:
        ImportError: If MMDetection or ``lap`` is not installed.
    """

    def __init__(self,
                 high_score: float = 0.6,
                 low_score: float = 0.1,
                 init_score: float = 0.7,
                 max_age: int = 30,
                 min_inside: float = 0.25) -> None:
        super().__init__()
        self.min_inside = min_inside
        self._tracker = _mmdet_tracker(
            motion=dict(type='mmdet.KalmanFilter'),
            obj_score_thrs=dict(high=high_score, low=low_score),
            init_track_thr=init_score,
            num_frames_retain=max_age)
        self._num_updates = 0

    def update(self,
               frame_index: int,
               boxes: np.ndarray,
               scores: np.ndarray,
               image: Optional[np.ndarray] = None) -> List[TrackedBox]:
        """As :meth:`PersonTracker.update`; weak boxes that continue no track
        are left out, and the order is that of the scores' steps."""
        from mmdet.structures import DetDataSample
        boxes, scores = check_boxes(boxes, scores, frame_index)
        # the tracker itself predicts one frame ahead
        self._predict(self._advance(frame_index) - 1)
        instances = InstanceData(
            bboxes=torch.from_numpy(boxes).float(),
            scores=torch.from_numpy(scores).float(),
            labels=torch.zeros(len(boxes), dtype=torch.long))
        sample = DetDataSample(
            metainfo=dict(frame_id=self._num_updates),
            pred_instances=instances)
        tracked = self._tracker.track(sample)
        self._num_updates += 1
        return [
            make_box(
                int(track_id),
                box.double().numpy(), float(score),
                'detected') for track_id, box, score in zip(
                    tracked.instances_id, tracked.bboxes, tracked.scores)
        ]

    def carry(self,
              frame_index: int,
              image: Optional[np.ndarray] = None) -> List[TrackedBox]:
        """As :meth:`PersonTracker.carry`."""
        self._predict(self._advance(frame_index))
        found = []
        for track_id, track in self._tracker.tracks.items():
            if int(track.frame_ids[-1]) != self._num_updates - 1:
                continue
            x, y, ratio, height = track.mean[:4]
            half = np.maximum([ratio * height, height], 1) / 2
            bbox = np.concatenate([[x, y] - half, [x, y] + half])
            if image is None or share_inside(bbox, image) >= self.min_inside:
                found.append(
                    make_box(track_id, bbox, float(track.scores[-1]),
                             'carried'))
        return found

    def reset(self) -> None:
        """As :meth:`PersonTracker.reset`."""
        super().reset()
        self._tracker.reset()
        self._num_updates = 0

    def _predict(self, num_frames: int) -> None:
        for track in self._tracker.tracks.values():
            for _ in range(min(num_frames, self._tracker.num_frames_retain)):
                track.mean, track.covariance = self._tracker.motion.predict(
                    track.mean, track.covariance)


def _mmdet_tracker(**options: Any) -> Any:
    """MMDetection's tracker, or an error that tells what is missing."""
    try:
        import lap  # noqa: F401
        from mmdet.models.trackers import ByteTracker as MMDetByteTracker
        from mmdet.registry import TASK_UTILS
    except ImportError as error:
        raise ImportError(
            "tracker 'bytetrack' needs MMDetection and lap (pip install lap); "
            f'{error}') from error
    motion = TASK_UTILS.build(options.pop('motion'))
    tracker = MMDetByteTracker(**options)
    tracker.motion = motion
    return tracker
