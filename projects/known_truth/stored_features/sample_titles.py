"""Which sample of a dataset a stored clip is of."""
from typing import Mapping


def sample_title(info: Mapping) -> str:
    """What tells a sample from the others of its dataset.

    Args:
        info (Mapping): A sample or its metainfo.

    Returns:
        str: Image and annotation.
    """
    return f'{info.get("img_id")}/{info.get("id")}'
