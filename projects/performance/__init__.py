"""What the scripts of projects/performance that measure speed share.

They compare alternatives on one machine in one run, repetitions taken in
turn, and print ratios.
"""
from .accuracy import estimate_videos, mean_distances, posetrack_ap
from .annotated_video import AnnotatedVideo, load_annotated_videos
from .models import (build_random_model, load_config, resize_input,
                     single_frame_config, tdmi_config)
from .still_video import still_video
from .timing import (add_clock_argument, chosen_clock, clock_name,
                     markdown_table, median_times)

__all__ = [
    'AnnotatedVideo', 'add_clock_argument', 'build_random_model',
    'chosen_clock', 'clock_name', 'estimate_videos', 'load_annotated_videos',
    'load_config', 'markdown_table', 'mean_distances', 'median_times',
    'posetrack_ap', 'resize_input', 'single_frame_config', 'still_video',
    'tdmi_config'
]
