"""One backbone pass per person and frame.

Along a track, windows that follow each other share all frames but one. With
one crop for a run of frames the features of a frame are the same in every
window that sees it, and are computed once; where a window's crop is another
than the frame's, they are moved. The parts, from the crop to the poses:

- ``crop_policy``: how long a crop is kept, and what it is;
- ``crop_runs``: the run that a person's frame belongs to;
- ``frame_buffer``: the last frames, and which of them make up a window;
- ``clip_settings``: window, padding and pipeline of a model's config;
- ``window_model``: a model as a frame phase and a window phase;
- ``feature_cache``: features between the two;
- ``crop_warp``: features of one crop moved into another;
- ``video_pass``: all of it along a video;
- ``engine``: the estimator, its modes and arguments;
- ``stages``: where the time goes.
"""
from mmpose_tdmi.utils.stages import StageTimes, stage
from .clips import ClipSettings
from .crops import CropPolicy
from .estimator import MODES, StreamingPoseEstimator, StreamingStats
from .phases import (PRECISIONS, FeatureCache, FrameFeatures, Precision,
                     WindowModel, WindowPose)

__all__ = [
    'MODES', 'PRECISIONS', 'Precision', 'ClipSettings', 'CropPolicy',
    'FeatureCache', 'FrameFeatures', 'StageTimes', 'StreamingPoseEstimator',
    'StreamingStats', 'WindowModel', 'WindowPose', 'stage'
]
