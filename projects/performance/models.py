"""Models with random weights: TDMI's, and the host's single-frame ones.

What a pass costs does not depend on the weights, as long as deformable
convolutions read from where trained ones do, a few cells away.

Shape shorthand: none.
"""
from pathlib import Path
from typing import Optional, Tuple, Union

import torch
from mmengine.config import Config
from mmengine.hub import get_config
from mmengine.registry import DefaultScope
from mmpose.apis.inference import dataset_meta_from_config
from mmpose.registry import MODELS
from torch import nn

ROOT = Path(__file__).resolve().parents[2]
_TDMI = 'configs/tdmi/posetrack18/tdmi_{}_posetrack18-{}.py'
_HOST = 'mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_{}.py'

#: Models by name: TDMI's config and the host's single-frame one. TDMI has no
#: config on HRNet-W32; W48's is narrowed. Those that end in ``-last`` have the
#: paper's neck of Table 6 (a).
MODEL_CONFIGS = {
    'w48': (_TDMI.format('hrnet-w48_2xb24-20e', '384x288'),
            _HOST.format('hrnet-w48_8xb32-210e_coco-384x288')),
    'w32': (_TDMI.format('hrnet-w48_2xb24-20e', '384x288'),
            _HOST.format('hrnet-w32_8xb64-210e_coco-384x288')),
    'vit-s': (_TDMI.format('vit-s_2xb24-20e', '256x192'),
              _HOST.format('ViTPose-small_8xb64-210e_coco-256x192')),
}
LAST_STAGE = '-last'
MODEL_CONFIGS.update({
    f'{name}{LAST_STAGE}': both
    for name, both in MODEL_CONFIGS.items()
})


def tdmi_config(name: str) -> Config:
    """TDMI's config of a name of :data:`MODEL_CONFIGS`."""
    config = load_config(ROOT / MODEL_CONFIGS[name][0])
    if name.startswith('w32'):
        _narrow(config, 32)
    if name.endswith(LAST_STAGE):
        config.model.neck.update(stages=(-1, ), modulation=None)
    return config


def single_frame_config(name: str) -> Config:
    """The host's single-frame config of a name of :data:`MODEL_CONFIGS`.

    ViTPose's backbone, which the host takes from MMPretrain, is this
    package's of the same architecture.
    """
    config = get_config(MODEL_CONFIGS[name][1])
    if name.startswith('vit-s'):
        config.model.backbone = dict(
            type='MultiStageViT',
            arch='small',
            img_size=(256, 192),
            out_indices=(-1, ))
    return config


def load_config(path: Union[str, Path]) -> Config:
    """A config file of this package.

    Raises:
        FileNotFoundError: If there is none.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'config {path} does not exist')
    return Config.fromfile(path)


def _narrow(config: Config, width: int) -> None:
    """Make an HRNet config one of another width."""
    extra = config.model.backbone.extra
    for stage in (2, 3, 4):
        extra[f'stage{stage}'].num_channels = tuple(width * 2**i
                                                    for i in range(stage))
    config.model.neck.update(
        in_channels=(width, ) * 4,
        out_channels=width,
        # four channels to a group, as in W48's
        modulation=dict(groups=width // 4))
    config.model.head.in_channels = width


def resize_input(config: Config, size: Tuple[int, int]) -> None:
    """Give a config's model another input size.

    Args:
        config (Config): A heatmap model's config; it is changed.
        size (tuple[int, int]): Width and height in pixels.
    """
    decoder = config.model.head.decoder
    stride = decoder.input_size[0] // decoder.heatmap_size[0]
    decoder.input_size = tuple(size)
    decoder.heatmap_size = tuple(side // stride for side in size)
    if 'img_size' in config.model.backbone:
        config.model.backbone.img_size = tuple(size)[::-1]
    for transform in config.test_dataloader.dataset.pipeline:
        if transform['type'] == 'TopdownAffine':
            transform['input_size'] = tuple(size)


def build_random_model(
        config: Config,
        device: str = 'cpu',
        memory_format: Optional[torch.memory_format] = None) -> nn.Module:
    """A config's model with random weights, in evaluation mode.

    Args:
        config (Config): The config.
        device (str): Where it goes. Defaults to ``'cpu'``.
        memory_format (torch.memory_format, optional): Of the weights of
            convolutions, which decides about that of the maps. Defaults to
            ``None``, as built.

    Returns:
        nn.Module: The model with ``cfg`` and ``dataset_meta``, as
        :func:`mmpose_tdmi.apis.init_pose_model` gives it.
    """
    with DefaultScope.overwrite_default_scope('mmpose'):
        model = MODELS.build(config.model)
        model.dataset_meta = dataset_meta_from_config(config, 'test')
    randomise(model)
    model.cfg = config
    model = model.to(device)
    if memory_format is not None:
        model = model.to(memory_format=memory_format)
    return model.eval()


def randomise(model: nn.Module, seed: int = 0) -> None:
    """Weights with which every part counts: none zero, none that explodes."""
    # tensors' own methods: torch 2.1's nn.init takes no generator
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        for x in module.parameters(recurse=False):
            if x.dim() > 1:
                std = 1.4 / x[0].numel()**0.5
                x.data.normal_(std=std, generator=generator)
            elif isinstance(module,
                            (nn.modules.batchnorm._BatchNorm, nn.LayerNorm)):
                x.data.uniform_(0.2, 0.8, generator=generator)
            else:
                x.data.normal_(std=0.1, generator=generator)
