"""FAMI-Pose's head: a heatmap layer and the mutual information objective.

Liu et al., CVPR 2022, Sec. 3. Codecs, flip test, decoding and heatmap output
are the host's.

Shape shorthand: B clips, C channels, K keypoints, H x W feature and heatmap
cells.
"""
from typing import Optional

from mmpose.models.heads import HeatmapHead
from mmpose.registry import MODELS
from mmpose.utils.typing import ConfigType, OptConfigType, OptSampleList

from ...heads.heatmap_activation import HeatmapActivationMixin, stack_targets
from .features import FAMIFeatures


@MODELS.register_module()
class FAMIPoseHead(HeatmapActivationMixin, HeatmapHead):
    """Heatmaps of the enhanced feature.

    Args:
        in_channels (int): C, the neck's.
        out_channels (int): K.
        final_layer (dict, optional): Config of the heatmap layer. Defaults
            to ``None``, a 3x3 convolution, ``dict(kernel_size=3,
            padding=1)``.
        loss (dict, optional): Config of the heatmap loss. Defaults to
            ``None``, ``dict(type='KeypointMSELoss',
            use_target_weight=True)``.
        mi_loss (dict, optional): Config of
            :class:`FAMIMutualInformationLoss`; its channels come from the
            head. Defaults to ``None``, heatmap loss only.
        decoder (dict, optional): Config of the codec.
        test_activation (str): ``'none'``, or ``'softmax'`` for heatmaps that
            are trained as logits. Defaults to ``'none'``.
        activation_sigma (float, optional): With softmax, the standard
            deviation of the target Gaussians in cells. Defaults to ``None``,
            the decoder's.
        init_cfg (dict | list[dict], optional): Defaults to convolutions
            N(0, 0.001).

    Raises:
        ValueError: If an option is invalid; the message names its key.
    """

    def __init__(self,
                 in_channels: int,
                 out_channels: int,
                 final_layer: Optional[dict] = None,
                 loss: OptConfigType = None,
                 mi_loss: OptConfigType = None,
                 decoder: OptConfigType = None,
                 test_activation: str = 'none',
                 activation_sigma: Optional[float] = None,
                 init_cfg=None) -> None:
        super().__init__(
            in_channels=in_channels,
            out_channels=out_channels,
            deconv_out_channels=None,
            deconv_kernel_sizes=None,
            final_layer=final_layer or dict(kernel_size=3, padding=1),
            loss=loss or dict(type='KeypointMSELoss', use_target_weight=True),
            decoder=decoder,
            init_cfg=init_cfg)
        self.init_activation(test_activation, activation_sigma)
        self.mi_loss = None
        if mi_loss is not None:
            self.mi_loss = MODELS.build(
                mi_loss,
                default_args=dict(
                    in_channels=in_channels, num_keypoints=out_channels))

    def loss(self,
             feats: FAMIFeatures,
             batch_data_samples: OptSampleList,
             train_cfg: Optional[ConfigType] = None) -> dict:
        """Heatmap loss and mutual information objective.

        Args:
            feats (FAMIFeatures): The neck's output.
            batch_data_samples (list[PoseDataSample]): B data samples.
            train_cfg (dict, optional): As the host's.

        Returns:
            dict: The host's ``loss_kpt`` and ``acc_pose``, and what
            :class:`FAMIMutualInformationLoss` gives.
        """
        losses = super().loss(feats, batch_data_samples, train_cfg)
        if self.mi_loss is not None:
            targets, weights = stack_targets(batch_data_samples)
            losses.update(
                self.mi_loss(feats, self.forward(feats), targets, weights,
                             self.loss_module))
        return losses
