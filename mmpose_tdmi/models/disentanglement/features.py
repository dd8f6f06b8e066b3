"""What the representation disentanglement module computes, by name.

Section 3.2 of the paper; the mutual information objective (Eq. 8 to 13) is
stated over exactly these.

Shape shorthand: B clips, C channels, H x W feature cells.
"""
from typing import NamedTuple, Optional

from torch import Tensor


class DisentangledFeatures(NamedTuple):
    """Features of a batch of clips, all (B, C, H, W).

    The last item is the enhanced feature, which is what a heatmap layer
    reads: ``feats[-1]``, as everywhere in the host.

    Attributes:
        motion (Tensor): M, the raw motion feature.
        useful (Tensor): Mu, its useful part; M itself without factorisation.
        noisy (Tensor, optional): Mn, its noisy part; ``None`` without
            factorisation.
        visual (Tensor): V, the visual feature that was aggregated: the key
            frame's (TDMI) or the clip's spatiotemporal one (TDMI-ST).
        fused (Tensor): The enhanced representation, F with a tilde.
    """
    motion: Tensor
    useful: Tensor
    noisy: Optional[Tensor]
    visual: Tensor
    fused: Tensor
