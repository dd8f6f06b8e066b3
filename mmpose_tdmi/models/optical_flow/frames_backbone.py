"""A backbone that hands on its input frames beside its maps.

Necks see maps only, but optical flow is computed on frames (Table 5,
"Op-Flow"). Going round a backbone of any kind, this module puts the frames
before its maps; estimator and data preprocessor stay the host's.

Shape shorthand: N frames, C channels, H x W input pixels.
"""
from typing import Tuple

from mmengine.model import BaseModule
from mmpose.registry import MODELS
from torch import Tensor


@MODELS.register_module()
class BackboneWithFrames(BaseModule):
    """Any backbone with the frames as its first map.

    In a checkpoint it looks like the backbone that it goes round: state-dict
    keys are that backbone's, so a model of single frames can be loaded, and
    a model with this backbone can be loaded into one without it.

    Args:
        backbone (dict): Config of the backbone.
    """

    def __init__(self, backbone: dict) -> None:
        super().__init__()
        self.backbone = MODELS.build(backbone)
        self._register_state_dict_hook(_leave_out_level)
        self._register_load_state_dict_pre_hook(_insert_level)

    def forward(self, x: Tensor) -> Tuple[Tensor, ...]:
        """The frames, and the backbone's maps of them.

        Args:
            x (Tensor): Normalised frames, (N, C, H, W).

        Returns:
            tuple[Tensor]: ``x`` itself, then the backbone's maps.
        """
        maps = self.backbone(x)
        return (x, maps) if isinstance(maps, Tensor) else (x, *maps)


#: The name of the submodule, which checkpoints do not have.
LEVEL = 'backbone.'


def _leave_out_level(module: BackboneWithFrames, state_dict: dict, prefix: str,
                     local_metadata: dict) -> None:
    for name in [x for x in state_dict if x.startswith(prefix + LEVEL)]:
        short = prefix + name[len(prefix + LEVEL):]
        state_dict[short] = state_dict.pop(name)


def _insert_level(state_dict: dict, prefix: str, *args) -> None:
    for name in [x for x in state_dict if x.startswith(prefix)]:
        state_dict[prefix + LEVEL + name[len(prefix):]] = state_dict.pop(name)
