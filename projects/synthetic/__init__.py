"""Generated clips with exactly known poses, in the datasets' formats."""
from .generator import VERSION, generate, generate_video, make_scene
from .official.writing import OFFICIAL_FORMATS, TINY, write_official_set
from .settings import PRESETS, ClipSettings

__all__ = [
    'OFFICIAL_FORMATS', 'PRESETS', 'TINY', 'VERSION', 'ClipSettings',
    'generate', 'generate_video', 'make_scene', 'write_official_set'
]
