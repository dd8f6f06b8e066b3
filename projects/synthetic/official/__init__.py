"""Generated clips as the official folders of the datasets."""
from .writing import OFFICIAL_FORMATS, TINY, write_official_set

__all__ = ['OFFICIAL_FORMATS', 'TINY', 'write_official_set']
