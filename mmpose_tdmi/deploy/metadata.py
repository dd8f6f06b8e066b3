"""What a runtime must know beside the graphs, kept in them.

Every field is a string of json in the graph's ``metadata_props``, so that a
runtime needs no other file and no OpenMMLab package to cut out crops and to
decode heatmaps. K are keypoints.
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

    ``mean`` and ``std`` are in the graph's order of colours, ``colour``,
    ``'rgb'`` or ``'bgr'``; ``bbox_padding`` is how much larger than a box its
    crop is; ``offsets`` are the window's, ``padding`` what stands in for a
    missing frame; ``codec`` has ``type`` (``'UDPHeatmap'`` or
    ``'MSRAHeatmap'``), ``blur_kernel_size`` and, for the latter, ``unbiased``;
    scores are cut off at ``max_score``; graphs of the same ``weights``, digits
    of their SHA-256, belong together. Sizes are width and height.
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
        return {key: json.dumps(value) for key, value in asdict(self).items()}

    @classmethod
    def from_props(cls, props: Mapping[str, str]) -> 'GraphMetadata':
        """Read a graph's ``metadata_props``; others' are passed over."""
        names = [field.name for field in fields(cls)]
        missing = [name for name in names if name not in props]
        if missing:
            raise ValueError('the graph was not exported by mmpose_tdmi: its '
                             f'metadata_props lack {", ".join(missing)}')
        return cls(**{name: json.loads(props[name]) for name in names})


def describe_model(model: nn.Module, deform_conv: str) -> GraphMetadata:
    """The metadata of the graphs of a model of
    :func:`mmpose_tdmi.apis.init_pose_model`; a ValueError if it has no words
    for how the config makes samples or decodes heatmaps."""
    settings = ClipSettings(model.cfg, model.dataset_meta)
    decoder = model.head.decoder
    codec = _describe_codec(decoder)
    width, height = map(int, settings.input_size)
    if tuple(decoder.input_size) != (width, height):
        raise ValueError(
            f'model.head.decoder.input_size {tuple(decoder.input_size)} is '
            f'not the pipeline\'s TopdownAffine.input_size {width, height}')
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
    activated = getattr(model.head, 'test_activation', 'none') != 'none'
    filename = (model.cfg.filename or 'unnamed').replace('\\', '/')
    meta = model.dataset_meta
    names = meta['keypoint_id2name']
    return GraphMetadata(
        name=filename.split('/')[-1].rsplit('.', 1)[0],
        keypoint_names=[names[i] for i in range(len(names))],
        flip_indices=[int(i) for i in meta['flip_indices']],
        skeleton=[(int(a), int(b)) for a, b in meta['skeleton_links']],
        input_size=(width, height),
        heatmap_size=(int(decoder.heatmap_size[0]),
                      int(decoder.heatmap_size[1])),
        mean=mean,
        std=std,
        colour='rgb' if preprocessor._channel_conversion else 'bgr',
        bbox_padding=settings.bbox_padding,
        use_udp=bool(settings.use_udp),
        offsets=settings.window.offsets,
        padding=settings.padding,
        codec=codec,
        max_score=1. if activated else None,
        flip_test=bool(test_cfg.get('flip_test', False)),
        shift_heatmap=bool(test_cfg.get('shift_heatmap', False)),
        deform_conv=deform_conv,
        weights=hash_weights(model),
        versions=dict(mmpose_tdmi=__version__, torch=torch.__version__))


def _describe_codec(decoder) -> Dict[str, Any]:
    if isinstance(decoder, UDPHeatmap) and decoder.heatmap_type == 'gaussian':
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
    """16 digits of a SHA-256 of all weights and buffers."""
    digest = hashlib.sha256()
    for name, x in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(x.detach().cpu().numpy()).data)
    return digest.hexdigest()[:16]
