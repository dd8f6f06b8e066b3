"""What a model sees in a clip, as maps to look at.

Section 3.2 of the paper disentangles the motion feature M into a useful part
Mu and a noisy part Mn; these are their magnitudes over space, with the
heatmaps.

Shape shorthand: T frames, C channels, K keypoints, H x W pixels of a crop,
h x w feature or heatmap cells.
"""
from typing import Dict, Sequence

import numpy as np
import torch
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

#: Names of maps, in the order in which they are shown, and their captions.
MAPS = dict(
    heatmap='heat',
    motion='M',
    useful='Mu',
    noisy='Mn',
    visual='V',
    fused='fused')


@torch.no_grad()
def clip_maps(model: nn.Module, clip: Tensor, sample: PoseDataSample,
              names: Sequence[str]) -> Dict[str, np.ndarray]:
    """Run one clip and keep maps of it.

    The model is run in eval mode, once more than for the training or test
    itself, and is left in the mode it was in.

    Args:
        model (nn.Module): A top-down pose estimator, not wrapped.
        clip (Tensor): The packed clip, (T, 3, H, W), uint8.
        sample (PoseDataSample): Its data sample; it is not changed.
        names (Sequence[str]): Some of :data:`MAPS`. Those that the model's
            head does not make are left out.

    Returns:
        dict[str, np.ndarray]: Name -> (h, w): the largest of the K heatmaps
        at each cell, and features' root mean square over the C channels.

    Raises:
        ValueError: If a name is unknown.
    """
    unknown = sorted(set(names) - set(MAPS))
    if unknown:
        raise ValueError(f'maps must be among {tuple(MAPS)}, got {unknown}')
    training = model.training
    model.eval()
    try:
        data = model.data_preprocessor(
            dict(inputs=[clip], data_samples=[sample.clone()]), False)
        feats = model.extract_feat(data['inputs'])
        head = model.head
        maps = {}
        if hasattr(head, 'disentangle'):
            feats = head.disentangle(feats)
            maps = {
                name: value[0].float().square().mean(dim=0).sqrt()
                for name, value in feats._asdict().items() if value is not None
            }
        heatmaps = head.forward(feats)
        if isinstance(heatmaps, Tensor) and heatmaps.dim() == 4:
            if hasattr(head, 'activate'):
                heatmaps = head.activate(heatmaps)
            maps['heatmap'] = heatmaps[0].float().amax(dim=0)
    finally:
        model.train(training)
    return {
        name: maps[name].cpu().numpy()
        for name in MAPS if name in names and name in maps
    }
