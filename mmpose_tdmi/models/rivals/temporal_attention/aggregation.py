"""Joint-centric temporal aggregation.

Fang et al. (TAR-ViTPose), CVPR 2026, Sec. 3.2: each joint has a learnt query
that attends to its own regions in all frames of the clip, then to the other
joints' queries; several such layers. Normalisation comes after each residual
sum. (He and Yang, "Video-Based Human Pose Regression via Decoupled Space-Time
Aggregation", CVPR 2024, also gives each joint a token, and attends over time
per joint and over joints separately.)

There is no embedding of time: neither the order of the frames nor the
repetition of a frame changes the result, and a static clip gives what one
frame gives.

Shape shorthand: B clips, K keypoints, L = T * h * w context tokens, C
channels.
"""
from typing import List, Optional, Tuple

import torch
from mmengine.model import BaseModule, ModuleList
from torch import Tensor, nn

from ...layers.checks import check_positive_int
from .attention import MultiHeadAttention


class JointAttentionLayer(BaseModule):
    """Attention to the frames, attention among joints, perceptron.

    Args:
        channels (int): C.
        num_heads (int): Heads of both attentions.
        expansion (int): Hidden width of the perceptron, in units of C.
    """

    def __init__(self, channels: int, num_heads: int, expansion: int) -> None:
        super().__init__()
        self.frame_attention = MultiHeadAttention(channels, num_heads)
        self.frame_norm = nn.LayerNorm(channels)
        self.joint_attention = MultiHeadAttention(channels, num_heads)
        self.joint_norm = nn.LayerNorm(channels)
        self.perceptron = nn.Sequential(
            nn.Linear(channels, expansion * channels), nn.GELU(),
            nn.Linear(expansion * channels, channels))
        self.perceptron_norm = nn.LayerNorm(channels)

    def forward(self, queries: Tensor, context: Tensor,
                allowed: Optional[Tensor]) -> Tuple[Tensor, Tensor]:
        """Update the queries.

        Args:
            queries (Tensor): (B, K, C).
            context (Tensor): (B, L, C).
            allowed (Tensor, optional): (B, K, L), boolean.

        Returns:
            tuple[Tensor, Tensor]: (B, K, C), and the weights with which the
            frames were attended to, (B, heads, K, L).
        """
        attended, weights = self.frame_attention(queries, context, allowed)
        queries = self.frame_norm(queries + attended)
        queries = self.joint_norm(queries +
                                  self.joint_attention(queries, queries)[0])
        return self.perceptron_norm(queries +
                                    self.perceptron(queries)), weights


class JointTemporalAggregation(BaseModule):
    """Learnt joint queries and the layers that fill them.

    Args:
        channels (int): C.
        num_keypoints (int): K.
        num_layers (int): Number of layers. Defaults to 6.
        num_heads (int): Heads of the attentions. Defaults to 4.
        expansion (int): As :class:`JointAttentionLayer`'s. Defaults to 2.

    Raises:
        ValueError: If a number is invalid.
    """

    def __init__(self,
                 channels: int,
                 num_keypoints: int,
                 num_layers: int = 6,
                 num_heads: int = 4,
                 expansion: int = 2) -> None:
        super().__init__()
        check_positive_int('num_layers', num_layers)
        check_positive_int('expansion', expansion)
        # the release adds a learnt position to it, once: one parameter is
        # the same
        self.joint_queries = nn.Parameter(torch.randn(num_keypoints, channels))
        self.layers = ModuleList(
            JointAttentionLayer(channels, num_heads, expansion)
            for _ in range(num_layers))

    def forward(
            self,
            context: Tensor,
            allowed: Optional[Tensor] = None) -> Tuple[Tensor, List[Tensor]]:
        """What the clip tells about each joint.

        Args:
            context (Tensor): The clips' tokens, (B, L, C).
            allowed (Tensor, optional): Where each joint may look, boolean,
                (B, K, L).

        Returns:
            tuple[Tensor, list[Tensor]]: (B, K, C), and each layer's weights,
            (B, heads, K, L).
        """
        queries = self.joint_queries.repeat(context.shape[0], 1, 1)
        weights = []
        for layer in self.layers:
            queries, layer_weights = layer(queries, context, allowed)
            weights.append(layer_weights)
        return queries, weights
