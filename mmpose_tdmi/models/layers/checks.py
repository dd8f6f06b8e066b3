"""Checks of config values that say which key is wrong and what was found."""
from typing import Any, Mapping, Optional, Sequence


def check_choice(key: str, value: Any, choices: Sequence) -> None:
    """Raise a ValueError naming ``key`` unless ``value`` is a choice."""
    # 1 and True are equal, and are not the same choice
    if not any(
            type(value) is type(choice) and value == choice
            for choice in choices):
        raise ValueError(f'{key} must be one of {tuple(choices)}, got '
                         f'{value!r}')


def check_positive_int(key: str, value: Any) -> None:
    """Raise a ValueError naming ``key`` unless ``value`` is an int >= 1."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f'{key} must be a positive integer, got {value!r}')


def check_bool(key: str, value: Any) -> None:
    """Raise a ValueError naming ``key`` unless ``value`` is a bool."""
    if not isinstance(value, bool):
        raise ValueError(f'{key} must be True or False, got {value!r}')


def check_norm_cfg(key: str, value: Any) -> None:
    """Raise a ValueError naming ``key`` unless ``value`` is a layer config.

    Args:
        key (str): The config key.
        value: Must be None or a mapping with a ``type``.
    """
    if value is not None and (not isinstance(value, Mapping)
                              or 'type' not in value):
        raise ValueError(f'{key} must be None or a dict with a type, such as '
                         f"dict(type='BN'), got {value!r}")


def check_positive(key: str, value: Any) -> None:
    """Raise a ValueError naming ``key`` unless ``value`` is a number > 0."""
    if isinstance(value, bool) or not isinstance(
            value, (int, float)) or not 0 < value < float('inf'):
        raise ValueError(f'{key} must be a positive number, got {value!r}')


def merge_options(key: str, options: Optional[Mapping],
                  defaults: Mapping) -> dict:
    """Fill a config dict's gaps with defaults; refuse keys it cannot have.

    Args:
        key (str): The config key that ``options`` was given under.
        options (Mapping, optional): What the config gives.
        defaults (Mapping): Every allowed key with its default.

    Returns:
        dict: A new dict with exactly the keys of ``defaults``.

    Raises:
        ValueError: If ``options`` is no mapping or has an unknown key.
    """
    if options is None:
        options = {}
    if not isinstance(options, Mapping):
        raise ValueError(f'{key} must be a dict, got {options!r}')
    unknown = sorted(set(options) - set(defaults))
    if unknown:
        raise ValueError(f'{key} has no option {", ".join(unknown)}; its '
                         f'options are {", ".join(sorted(defaults))}')
    return {**defaults, **options}
