"""Generated clips: PoseTrack18-format videos with exactly known poses."""
from .generator import VERSION, generate, generate_video, make_scene
from .settings import PRESETS, ClipSettings

__all__ = [
    'PRESETS', 'VERSION', 'ClipSettings', 'generate', 'generate_video',
    'make_scene'
]
