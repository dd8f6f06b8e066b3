"""A block of the vision transformer: attention, then perceptron.

Normalisation comes before each, as in ViTPose. Parameters have the names of
mmpretrain's ``TransformerEncoderLayer``, which MMPose's ViTPose checkpoints
were saved with.

Shape shorthand: N frames, L tokens, C channels, G heads.
"""
import torch.nn.functional as F
from mmcv.cnn.bricks.drop import build_dropout
from mmcv.cnn.bricks.transformer import FFN
from mmengine.model import BaseModule
from torch import Tensor, nn


class SelfAttention(BaseModule):
    """Multi-head self-attention with one layer for query, key and value.

    Args:
        channels (int): C, a multiple of ``num_heads``.
        num_heads (int): G.

    Raises:
        ValueError: If ``num_heads`` does not divide ``channels``.
    """

    def __init__(self, channels: int, num_heads: int) -> None:
        super().__init__()
        if channels % num_heads:
            raise ValueError(f'num_heads = {num_heads} must divide '
                             f'embed_dims = {channels}')
        self.num_heads = num_heads
        self.qkv = nn.Linear(channels, 3 * channels)
        self.proj = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(N, L, C) -> (N, L, C)."""
        # (3, N, G, L, C / G)
        query, key, value = self.qkv(x).unflatten(
            -1, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(query, key, value)
        return self.proj(attended.transpose(1, 2).flatten(2))


class TransformerBlock(BaseModule):
    """x + attention(norm(x)), then x + perceptron(norm(x)).

    Args:
        channels (int): C; the perceptron's hidden width is four times it.
        num_heads (int): G.
        drop_path_rate (float): Probability with which a frame skips each of
            the two in training. Defaults to 0.
    """

    def __init__(self,
                 channels: int,
                 num_heads: int,
                 drop_path_rate: float = 0.) -> None:
        super().__init__()
        drop_path = dict(type='DropPath', drop_prob=drop_path_rate)
        self.ln1 = nn.LayerNorm(channels, eps=1e-6)
        self.attn = SelfAttention(channels, num_heads)
        self.attn_drop_path = build_dropout(drop_path)
        self.ln2 = nn.LayerNorm(channels, eps=1e-6)
        self.ffn = FFN(
            embed_dims=channels,
            feedforward_channels=4 * channels,
            act_cfg=dict(type='GELU'),
            dropout_layer=drop_path)

    def init_weights(self) -> None:
        """Initialise the perceptron as ViTPose's code does."""
        super().init_weights()
        for layer in self.ffn.modules():
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.normal_(layer.bias, std=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        """(N, L, C) -> (N, L, C)."""
        x = x + self.attn_drop_path(self.attn(self.ln1(x)))
        return self.ffn(self.ln2(x), identity=x)
