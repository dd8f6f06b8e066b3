"""Loading of a pose model for inference: the host's, with a check added.

Shape shorthand: none.
"""
from pathlib import Path
from typing import Optional, Union

from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmpose.apis import init_model
from torch import nn

from .weights import require_file, require_weights


def init_pose_model(config: Union[str, Path, Config],
                    checkpoint: Union[str, Path],
                    device: str = 'cpu',
                    cfg_options: Optional[dict] = None) -> nn.Module:
    """Build a pose model and load its weights, all of them.

    :func:`mmpose.apis.init_model`, which accepts a checkpoint that lacks
    weights, or none, and changes the default scope for good; this one does
    neither.

    Args:
        config (str | Path | Config): The model's config.
        checkpoint (str | Path): Its weights.
        device (str): Where it goes. Defaults to ``'cpu'``.
        cfg_options (dict, optional): Changes to the config.

    Returns:
        nn.Module: The model in evaluation mode, with ``cfg`` and
        ``dataset_meta``.

    Raises:
        FileNotFoundError: If the config or the checkpoint does not exist.
        ValueError: If the checkpoint lacks weights of the model.
    """
    require_file(checkpoint, 'the checkpoint')
    if not isinstance(config, Config):
        require_file(config, 'the config')
        config = Config.fromfile(config)
    # the weights come from `checkpoint`, not from where training started
    config = config.copy()
    config.merge_from_dict(cfg_options or {})
    config.model.pop('init_cfg', None)
    config.model.backbone.pop('init_cfg', None)
    scope = config.get('default_scope', 'mmpose')
    with DefaultScope.overwrite_default_scope(scope):
        model = init_model(config, str(checkpoint), device=device)
    require_weights(model, checkpoint)
    return model
