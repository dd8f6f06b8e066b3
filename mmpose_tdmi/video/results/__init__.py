"""Results of a video: files of poses, an overlay video, a page to look at.

docs/video_results.md describes the files.
"""
from .exports import load_results, results_schema
from .report import write_report
from .writers import OutputSettings, VideoMeta, VideoResultWriter, open_writers

__all__ = [
    'OutputSettings', 'VideoMeta', 'VideoResultWriter', 'load_results',
    'open_writers', 'results_schema', 'write_report'
]
