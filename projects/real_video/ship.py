#!/usr/bin/env python
"""A checkpoint's weights in half precision, for ``weights/``.

::

    python -m projects.real_video.ship CONFIG CHECKPOINT OUT

MMPose's MobileNetV2 has a last convolution that no pyramid uses: of what is
not trained the file holds one zero for each.
"""
import argparse
from pathlib import Path

import torch

from mmpose_tdmi.apis.models import init_pose_model
from mmpose_tdmi.utils.files import atomic_path

#: MMPose's layer behind the last map that is used.
UNUSED = 'backbone.conv2.'


def ship(config: Path, checkpoint: Path, out: Path) -> None:
    """Write the weights that the model has after loading the checkpoint."""
    model = init_pose_model(config, checkpoint)
    weights = {}
    for name, value in model.state_dict().items():
        if name.startswith(UNUSED):
            # one number is stored, whatever the shape
            value = torch.zeros(()).expand(value.shape)
        elif value.is_floating_point():
            value = value.half()
        if not torch.isfinite(value).all():
            raise ValueError(f'{checkpoint}: {name} is not finite in half '
                             'precision')
        weights[name] = value
    content = dict(
        state_dict=weights, meta=dict(dataset_meta=model.dataset_meta))
    with atomic_path(out, is_own=True) as temporary:
        torch.save(content, temporary)
    print(f'{out}: {out.stat().st_size / 1e6:.2f} MB')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config', type=Path)
    parser.add_argument('checkpoint', type=Path)
    parser.add_argument('out', type=Path)
    ship(**vars(parser.parse_args()))


if __name__ == '__main__':
    main()
