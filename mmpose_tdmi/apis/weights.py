"""A check that a checkpoint really holds a model's weights.

The hosts' loaders are lenient: parameters that a checkpoint lacks keep their
random values, and a line in the log is all that tells. A tool that writes
boxes or poses must not go on with those.

Shape shorthand: none.
"""
from pathlib import Path
from typing import Union

from mmengine.runner import CheckpointLoader
from torch import nn


def require_weights(model: nn.Module, checkpoint: Union[str, Path]) -> None:
    """Check that a checkpoint has every parameter of a model.

    Args:
        model (nn.Module): The model.
        checkpoint (str | Path): The file or URL it was loaded from.

    Raises:
        ValueError: If parameters are missing or of another shape.
    """
    content = CheckpointLoader.load_checkpoint(
        str(checkpoint), map_location='cpu')
    weights = content.get('state_dict', content)
    weights = {
        key[len('module.'):] if key.startswith('module.') else key: value
        for key, value in weights.items()
    }
    missing, misshapen = [], []
    for name, parameter in model.named_parameters():
        if name not in weights:
            missing.append(name)
        elif weights[name].shape != parameter.shape:
            misshapen.append(f'{name} {tuple(weights[name].shape)} instead of '
                             f'{tuple(parameter.shape)}')
    if missing or misshapen:
        raise ValueError(
            f'{checkpoint} is no checkpoint of this model '
            f'({type(model).__name__}): of its parameters {len(missing)} are '
            f'missing, {missing[:3]}, and {len(misshapen)} have another '
            f'shape, {misshapen[:3]}')


def require_file(path: Union[str, Path], what: str) -> None:
    """Check that a local file exists; URLs are left to the loader.

    Args:
        path (str | Path): The file.
        what (str): What it is, for the message.

    Raises:
        FileNotFoundError: If it does not exist.
    """
    if '://' not in str(path) and not Path(path).is_file():
        raise FileNotFoundError(f'{what} {path} does not exist')
