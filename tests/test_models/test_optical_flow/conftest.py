"""Clips large enough for RAFT, and a flow network with known answers."""
import numpy as np
import pytest
import torch
from mmpose.testing import get_packed_inputs
from torch import nn

MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
SMALL = dict(arch='small', weights=None, num_updates=2)


@pytest.fixture
def flow_neck():
    """Arguments of a small OpticalFlowNeck on 8-channel maps, T = 3."""

    def build(**kwargs):
        return dict(
            in_channels=(8, ),
            mean=MEAN,
            std=STD,
            out_channels=8,
            offsets=(-1, 0, 1),
            num_blocks=1,
            flow=SMALL) | kwargs

    return build


@pytest.fixture
def brightness_flow():
    """A network whose flow is the frames' difference in brightness, right
    and down; RGB in [-1, 1]."""

    class BrightnessFlow(nn.Module):

        def forward(self, start, end, num_flow_updates):
            difference = (end - start).mean(1, keepdim=True)
            return [torch.zeros(()), difference.expand(-1, 2, -1, -1)]

    return BrightnessFlow()


@pytest.fixture
def large_clips():
    """Builds a batch of clips of T = 3 frames of 128 x 128 pixels."""

    def build():
        np.random.seed(0)
        data = get_packed_inputs(
            1,
            num_keypoints=17,
            img_shape=(128, 128),
            input_size=(128, 128),
            heatmap_size=(32, 32))
        generator = torch.Generator().manual_seed(0)
        data['inputs'] = [
            torch.randint(
                256, (3, 3, 128, 128), generator=generator, dtype=torch.uint8)
        ]
        return data

    return build
