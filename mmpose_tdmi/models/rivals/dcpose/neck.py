"""DCPose as a neck that gives the key frame's heatmaps.

Liu et al., "Deep Dual Consecutive Network for Human Pose Estimation", CVPR
2021: single-frame heatmaps of the key frame and of one frame before and after
it go through Pose Residual Fusion, Pose Temporal Merger and Pose Correction
Network. The backbone and the layer to heatmaps are the single-frame model's,
frozen. A head without layers of its own (``final_layer=None``) follows.

The blocks are residual steps without channel groups, as in the released
configs (the paper speaks of residual blocks of 3x3 convolutions). What
differs from the authors' release:

- the clip is in order of time and folded into the batch; the release starts
  it with the key frame;
- a frame's weight comes from the window's offsets; the release takes the
  distance of the frames actually used, which differs only where offsets are
  drawn at random unevenly (its published window is -1, 0, 1, where all
  weights are 0.5, also at a video's ends);
- 1x1 and 3x3 convolutions before a normalisation have no bias;
- batch normalisation of the frozen backbone stays in eval mode; the release
  freezes its parameters only;
- with a backbone that is not frozen the release also supervises the
  single-frame heatmaps; here the corrected ones alone are.

Shape shorthand: B clips, T = 3 frames, C channels, K keypoints, H x W cells.
"""
from typing import List, Mapping, Optional, Sequence, Tuple

from mmengine.model import BaseModule
from mmpose.registry import MODELS
from torch import Tensor

from mmpose_tdmi.structures import FrameWindow, unfold_time
from ...layers.checks import check_positive_int
from ..heatmap_layer import SingleFrameHeatmapLayer
from .correction import PoseCorrection
from .residual_fusion import PoseResidualFusion
from .temporal_merger import PoseTemporalMerger


@MODELS.register_module()
class DCPoseNeck(BaseModule):
    """Correct the key frame's heatmaps by those of its two neighbours.

    Args:
        in_channels (int): C, of the backbone's last map.
        out_channels (int): K.
        offsets (Sequence[int]): The clip's frame offsets: one frame before
            the key frame, the key frame, one after it. Defaults to ``(-1,
            0, 1)``.
        fusion_channels (int): Channels of the residual fusion's result.
            Defaults to 34.
        fusion_blocks (int): Its number of blocks. Defaults to 2.
        merger_blocks (int): The temporal merger's. Defaults to 1.
        correction_channels (int): Channels of the combined map. Defaults to
            64.
        correction_blocks (int): Number of blocks that combine. Defaults to
            2.
        dilations (Sequence[int]): Dilations of the correction's
            convolutions. Defaults to ``(3, 6, 9, 12, 15)``.
        mask (str): What is done to the correction's modulation: ``'none'``
            (release) or ``'sigmoid'``. Defaults to ``'none'``.
        heatmap_layer (dict, optional): Options of the layer to single-frame
            heatmaps, see :data:`HEATMAP_LAYER_DEFAULTS`.
        backend (str): As :class:`DeformableConv2d`'s. Defaults to
            ``'auto'``.
        norm_cfg (dict, optional): Config of the normalisation layers.
            Defaults to ``None``, batch normalisation.
        init_cfg (dict | list[dict], optional): Defaults to the release's,
            convolutions N(0, 0.001), normalisation 1 and 0; deformable
            kernels always start as the identity.

    Raises:
        ValueError: If an option is invalid; the message names its key.
    """

    def __init__(self,
                 in_channels: int,
                 out_channels: int,
                 offsets: Sequence[int] = (-1, 0, 1),
                 fusion_channels: int = 34,
                 fusion_blocks: int = 2,
                 merger_blocks: int = 1,
                 correction_channels: int = 64,
                 correction_blocks: int = 2,
                 dilations: Sequence[int] = (3, 6, 9, 12, 15),
                 mask: str = 'none',
                 heatmap_layer: Optional[Mapping] = None,
                 backend: str = 'auto',
                 norm_cfg: Optional[dict] = None,
                 init_cfg=None) -> None:
        check_positive_int('in_channels', in_channels)
        check_positive_int('out_channels', out_channels)
        super().__init__(init_cfg or self.default_init_cfg)
        self.window = FrameWindow(tuple(offsets))
        if self.window.num_frames != 3 or self.window.key != 1:
            raise ValueError(
                'DCPose reads one frame before and one after the key frame: '
                'offsets must be (-a, 0, b), got '
                f'{self.window.offsets}')
        first, _, last = self.window.offsets
        # the nearer frame counts more
        weights = (last / (last - first), -first / (last - first))
        self.heatmap_layer = SingleFrameHeatmapLayer(in_channels, out_channels,
                                                     heatmap_layer)
        self.residual_fusion = PoseResidualFusion(out_channels,
                                                  fusion_channels,
                                                  fusion_blocks, weights,
                                                  norm_cfg)
        self.temporal_merger = PoseTemporalMerger(out_channels, merger_blocks,
                                                  weights, norm_cfg)
        self.correction = PoseCorrection(
            out_channels,
            fusion_channels,
            correction_channels,
            correction_blocks,
            dilations,
            mask=mask,
            backend=backend,
            norm_cfg=norm_cfg)

    @property
    def default_init_cfg(self) -> List[dict]:
        """list[dict]: The release's initialisation of new layers."""
        return [
            dict(type='Normal', layer='Conv2d', std=0.001),
            dict(type='Constant', layer=['_BatchNorm', 'GroupNorm'], val=1)
        ]

    def single_frame_heatmaps(
            self, maps: Sequence[Tensor]) -> Tuple[Tensor, Tensor, Tensor]:
        """Heatmaps of the three frames.

        Args:
            maps (Sequence[Tensor]): As :meth:`forward`'s.

        Returns:
            tuple[Tensor, Tensor, Tensor]: In order of time, (B, K, H, W).
        """
        if isinstance(maps, Tensor):
            maps = (maps, )
        heatmaps = self.heatmap_layer(maps[-1])
        previous, key, following = unfold_time(heatmaps, 3).unbind(dim=1)
        return previous, key, following

    def forward(self, maps: Sequence[Tensor]) -> Tuple[Tensor]:
        """Heatmaps of the key frames.

        Args:
            maps (Sequence[Tensor]): The backbone's maps of folded clips; the
                last, (B * 3, C, H, W), is used.

        Returns:
            tuple[Tensor]: One map, (B, K, H, W).

        Raises:
            ValueError: If the number of frames is no multiple of 3.
        """
        frames = self.single_frame_heatmaps(maps)
        residuals = self.residual_fusion(*frames)
        merged = self.temporal_merger(*frames)
        return (self.correction(residuals, merged), )
