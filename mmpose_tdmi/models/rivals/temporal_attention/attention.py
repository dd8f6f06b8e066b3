"""Multi-head attention between two sets of tokens.

Written with explicit products, so that weights can be looked at and
multiply-accumulates counted; there are few queries here.

Shape shorthand: B clips, Q query and L context tokens, C channels, G heads.
"""
from typing import Optional, Tuple

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from ...layers.checks import check_positive_int


class MultiHeadAttention(BaseModule):
    """Scaled dot-product attention with G heads.

    Args:
        channels (int): C, a multiple of ``num_heads``.
        num_heads (int): G.

    Raises:
        ValueError: If ``num_heads`` does not divide ``channels``.
    """

    def __init__(self, channels: int, num_heads: int) -> None:
        super().__init__()
        check_positive_int('num_heads', num_heads)
        if channels % num_heads:
            raise ValueError(f'num_heads = {num_heads} must divide the '
                             f'{channels} channels of a token')
        self.num_heads = num_heads
        self.query = nn.Linear(channels, channels)
        self.key = nn.Linear(channels, channels)
        self.value = nn.Linear(channels, channels)
        self.output = nn.Linear(channels, channels)
        for layer in (self.query, self.key, self.value):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
        nn.init.zeros_(self.output.bias)

    def forward(self,
                queries: Tensor,
                context: Tensor,
                allowed: Optional[Tensor] = None) -> Tuple[Tensor, Tensor]:
        """Attend to ``context``.

        Args:
            queries (Tensor): (B, Q, C).
            context (Tensor): (B, L, C).
            allowed (Tensor, optional): Which context tokens a query may
                attend to, boolean, (B, Q, L), at least one for each query.

        Returns:
            tuple[Tensor, Tensor]: (B, Q, C), and the weights, (B, G, Q, L),
            which sum to 1 over L.
        """

        def split(x: Tensor) -> Tensor:
            return x.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)

        query = split(self.query(queries))
        key, value = split(self.key(context)), split(self.value(context))
        logits = query @ key.transpose(-2, -1) * query.shape[-1]**-0.5
        if allowed is not None:
            logits = logits.masked_fill(~allowed[:, None], float('-inf'))
        weights = torch.softmax(logits, dim=-1)
        attended = (weights @ value).transpose(1, 2).flatten(-2)
        return self.output(attended), weights
