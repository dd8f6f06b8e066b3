"""What a runtime must know beside the graphs, kept in them.

Every field is a string of json in the graph's ``metadata_props``, so that a
runtime needs no other file and no OpenMMLab package to cut out crops and to
decode heatmaps.

Shape shorthand: K keypoints.
"""
import hashlib
import json
from dataclasses import asdict, dataclass, fields
from typing import Any, Dict, List, Mapping, Optional, Tuple

import numpy as np
import torch
from mmpose.codecs import MSRAHeatmap, UDPHeatmap
from torch import nn

from mmpose_tdmi.version import __version__
from mmpose_tdmi.video.streaming import ClipSettings

#: Version of the fields below.
FORMAT_VERSION = 1


@dataclass(frozen=True)
class GraphMetadata:
    """Fields of ``metadata_props``.

    Args:
        name (str): The config's name.
        keypoint_names (list[str]): K names in the heatmaps' order.
        flip_indices (list[int]): For each keypoint that of its mirror image.
        skeleton (list[tuple[int, int]]): Keypoints that are joined.
        input_size (tuple[int, int]): Width and height of a crop in pixels.
        heatmap_size (tuple[int, int]): Width and height in cells.
        mean (list[float]): Of the colours, in the order of ``colour``.
        std (list[float]): Likewise.
        colour (str): ``'rgb'`` or ``'bgr'``, the order of the graph's input.
        bbox_padding (float): How much larger than a box its crop is.
        use_udp (bool): Whether a crop's corner pixels have the crop's corners
            as centres.
        offsets (tuple[int]): The window, frames from the key frame.
        padding (str): What stands in for a frame that does not exist:
            ``'clamp'``, ``'key_frame'`` or ``'released'``.
        codec (dict): ``type`` (``'UDPHeatmap'`` or ``'MSRAHeatmap'``),
            ``blur_kernel_size`` and, for the latter, ``unbiased``.
        max_score (float, optional): What scores are cut off at.
        flip_test (bool): Whether heatmaps of mirrored frames are averaged in.
        shift_heatmap (bool): Whether those are shifted by a cell to the right.
        deform_conv (str): The form of deformable convolution.
        weights (str): First digits of a SHA-256 of the weights: graphs with
            the same belong together.
        versions (dict[str, str]): Of what made the graph.
        graph (str): ``'frame'``, ``'window'`` or ``'clip'``.
        format_version (int): :data:`FORMAT_VERSION`.
    """
    name: str
    keypoint_names: List[str]
    flip_indices: List[int]
    skeleton: List[Tuple[int, int]]
    input_size: Tuple[int, int]
    heatmap_size: Tuple[int, int]
    mean: List[float]
    std: List[float]
    colour: str
    bbox_padding: float
    use_udp: bool
    offsets: Tuple[int, ...]
    padding: str
    codec: Dict[str, Any]
    max_score: Optional[float]
    flip_test: bool
    shift_heatmap: bool
    deform_conv: str
    weights: str
    versions: Dict[str, str]
    graph: str = 'clip'
    format_version: int = FORMAT_VERSION

    def to_props(self) -> Dict[str, str]:
        """The fields as strings of json."""
        return {key: json.dumps(value) for key, value in asdict(self).items()}

    @classmethod
    def from_props(cls, props: Mapping[str, str]) -> 'GraphMetadata':
        """Read fields from strings of json.

        Args:
            props (Mapping[str, str]): A graph's ``metadata_props``; others
                than ours are passed over.

        Raises:
            ValueError: If a field is missing.
        """
        names = [field.name for field in fields(cls)]
        missing = [name for name in names if name not in props]
        if missing:
            raise ValueError('the graph was not exported by mmpose_tdmi: its '
                             f'metadata_props lack {", ".join(missing)}')
        return cls(**{name: json.loads(props[name]) for name in names})


def describe_model(model: nn.Module, deform_conv: str) -> GraphMetadata:
    """The metadata of a model's graphs.

    Args:
        model (nn.Module): The estimator with ``cfg`` and ``dataset_meta``, as
            :func:`mmpose_tdmi.apis.init_pose_model` gives it.
        deform_conv (str): The form of deformable convolution.

    Raises:
        ValueError: If the config makes samples or decodes heatmaps in a way
            that the metadata has no words for.
    """
    settings = ClipSettings(model.cfg, model.dataset_meta)
    pipeline = model.cfg.test_dataloader.dataset.pipeline
    steps = {step['type'].split('.')[-1]: step for step in pipeline}
    affine = steps['TopdownAffine']
    decoder = model.head.decoder
    codec = _describe_codec(decoder)
    width, height = map(int, affine['input_size'])
    input_size = width, height
    if tuple(decoder.input_size) != input_size:
        raise ValueError(
            f'model.head.decoder.input_size {tuple(decoder.input_size)} is '
            f'not the pipeline\'s TopdownAffine.input_size {input_size}')
    preprocessor = model.data_preprocessor
    mean, std = [0.] * 3, [1.] * 3
    if preprocessor._enable_normalize:
        # the preprocessor's own may be one number for all colours
        mean, std = (
            x.flatten().expand(3).tolist()
            for x in (preprocessor.mean, preprocessor.std))
    test_cfg = dict(model.test_cfg or {})
    flip_mode = test_cfg.get('flip_mode', 'heatmap')
    if flip_mode != 'heatmap':
        raise ValueError("model.test_cfg.flip_mode must be 'heatmap', got "
                         f'{flip_mode!r}')
    meta = model.dataset_meta
    names = meta['keypoint_id2name']
    return GraphMetadata(
        name=_config_name(model),
        keypoint_names=[names[i] for i in range(len(names))],
        flip_indices=[int(i) for i in meta['flip_indices']],
        skeleton=[(int(a), int(b)) for a, b in meta['skeleton_links']],
        input_size=input_size,
        heatmap_size=(int(decoder.heatmap_size[0]),
                      int(decoder.heatmap_size[1])),
        mean=mean,
        std=std,
        colour='rgb' if preprocessor._channel_conversion else 'bgr',
        bbox_padding=float(steps['GetBBoxCenterScale'].get('padding', 1.25)),
        use_udp=bool(affine.get('use_udp', False)),
        offsets=settings.window.offsets,
        padding=settings.padding,
        codec=codec,
        max_score=_max_score(model.head),
        flip_test=bool(test_cfg.get('flip_test', False)),
        shift_heatmap=bool(test_cfg.get('shift_heatmap', False)),
        deform_conv=deform_conv,
        weights=hash_weights(model),
        versions=dict(mmpose_tdmi=__version__, torch=torch.__version__))


def _config_name(model: nn.Module) -> str:
    filename = model.cfg.filename or 'unnamed'
    return filename.replace('\\', '/').split('/')[-1].rsplit('.', 1)[0]


def _max_score(head: nn.Module) -> Optional[float]:
    """What the head cuts scores off at."""
    activated = getattr(head, 'test_activation', 'none') != 'none'
    return 1. if activated else None


def _describe_codec(decoder) -> Dict[str, Any]:
    if (isinstance(decoder, UDPHeatmap)
            and decoder.heatmap_type == 'gaussian'):
        return dict(
            type='UDPHeatmap', blur_kernel_size=int(decoder.blur_kernel_size))
    if isinstance(decoder, MSRAHeatmap):
        return dict(
            type='MSRAHeatmap',
            unbiased=bool(decoder.unbiased),
            blur_kernel_size=int(decoder.blur_kernel_size))
    raise ValueError(
        f'model.head.decoder {type(decoder).__name__} is not described to '
        "runtimes; expected UDPHeatmap with heatmap_type='gaussian' or "
        'MSRAHeatmap')


def hash_weights(model: nn.Module) -> str:
    """First 16 hexadecimal digits of a SHA-256 of all weights and buffers."""
    digest = hashlib.sha256()
    for name, x in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(x.detach().cpu().numpy()).data)
    return digest.hexdigest()[:16]
