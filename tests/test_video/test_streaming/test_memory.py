"""Memory is flat over the length of a video."""
import tracemalloc

import numpy as np

from mmpose_tdmi.video import StreamingPoseEstimator
from mmpose_tdmi.video.streaming import WindowPose
from projects.performance.still_video import still_video


def peak(model, num_frames):
    """The peak of what is allocated along a video, in frames."""
    estimator = StreamingPoseEstimator(model, batch_size=4)
    phases = estimator.window_model

    # what a network computes is of no interest here, what is kept of it is
    def encode(crops):
        return [np.zeros(20_000, np.float32) for _ in crops]

    def predict(windows):
        return [
            WindowPose(np.zeros((17, 2)), np.zeros(17), None, None)
            for _ in windows
        ]

    phases.encode_frames, phases.predict_windows = encode, predict
    estimator.settings.pack = lambda *args, **kwargs: {}
    size = (96, 64)
    tracemalloc.start()
    try:
        for _ in estimator.iterate_poses(still_video(num_frames, 2, size)):
            pass
        return tracemalloc.get_traced_memory()[1] / (size[0] * size[1] * 3)
    finally:
        tracemalloc.stop()


def test_five_hundred_frames_take_no_more_than_fifty(models):
    peak(models(), 5)  # what is allocated once
    short, long = peak(models(), 50), peak(models(), 500)
    assert long < 1.05 * short
    # were frames kept, it would be at least their number
    assert long < 450
