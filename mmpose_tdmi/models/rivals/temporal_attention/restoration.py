"""Global restoring attention.

Fang et al. (TAR-ViTPose), CVPR 2026, Sec. 3.3: the key frame's tokens attend
to the joints' aggregated tokens, and the result is added to them, so that the
single-frame decoder can read it.

Not in the paper: ``gated``, in which a learnt scale per channel, zero at the
start, replaces the normalisation: a model loaded with single-frame weights
then starts *as* the single-frame model.

Shape shorthand: B clips, K keypoints, L = h * w tokens, C channels.
"""
import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from .attention import MultiHeadAttention


class FeatureRestoration(BaseModule):
    """Bring joint tokens back to the key frame's map.

    Args:
        channels (int): C.
        num_heads (int): Heads of the attention. Defaults to 4.
        gated (bool): See the module. Defaults to ``False``.
    """

    def __init__(self,
                 channels: int,
                 num_heads: int = 4,
                 gated: bool = False) -> None:
        super().__init__()
        self.attention = MultiHeadAttention(channels, num_heads)
        self.norm = self.gate = None
        if gated:
            self.gate = nn.Parameter(torch.zeros(channels))
        else:
            self.norm = nn.LayerNorm(channels)

    def forward(self, key: Tensor, joints: Tensor) -> Tensor:
        """The key frame's tokens (B, L, C), enriched by (B, K, C)."""
        restored, _ = self.attention(key, joints)
        if self.gate is not None:
            return key + self.gate * restored
        return self.norm(key + restored)
