"""Rules on a config's model: what it is given, and what it gives.

Shape shorthand: T frames of a clip, K keypoints, H x W pixels of a crop.
"""
from typing import Any, Iterator, Optional, Tuple

from mmengine.config import Config
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.registry import DATASETS

from mmpose_tdmi.structures import FrameWindow
from .config_findings import ERROR, WARNING, Finding, find_step, loaders


def check_imports(config: Config) -> Iterator[Finding]:
    """Without the import, the plugin's types are unknown."""
    imports = (config.get('custom_imports') or {}).get('imports', [])
    if 'mmpose_tdmi' not in imports:
        yield Finding(
            ERROR, 'custom_imports',
            "add custom_imports = dict(imports=['mmpose_tdmi'], "
            'allow_failed_imports=False): the plugin is not imported')
    if config.get('default_scope') != 'mmpose':
        yield Finding(
            ERROR, 'default_scope', "expected 'mmpose', got "
            f'{config.get("default_scope")!r}')


def window_of(part: Any) -> Optional[Tuple[int, ...]]:
    """The offsets that a part of a config names, if any and if valid."""
    if not part or (part.get('offsets') is None and part.get('delta') is None):
        return None
    try:
        return FrameWindow.from_config(
            part.get('delta'), None
            if part.get('offsets') is None else tuple(part['offsets'])).offsets
    except ValueError:
        return None


def check_windows(config: Config) -> Iterator[Finding]:
    """Dataset and model must be given the same frames."""
    model = config.get('model') or {}
    parts = {'model.neck': model.get('neck') or {}}
    # the head's window only counts where it looks at the frames
    head = model.get('head') or {}
    if (head.get('visual', 'spatiotemporal') == 'spatiotemporal'
            or head.get('visual_shortcut') == 'window'):
        parts['model.head'] = head
    # a neck may train on other frames than it is tested on
    train_offsets = parts['model.neck'].get('train_offsets')
    for phase, loader in loaders(config):
        if phase != 'train' or train_offsets is None:
            parts[f'{phase}_dataloader.dataset'] = loader.dataset
        elif window_of(loader.dataset) != tuple(train_offsets):
            yield Finding(
                ERROR, 'train_dataloader.dataset.offsets',
                f'{loader.dataset.get("offsets")}, but model.neck.'
                f'train_offsets is {list(train_offsets)}')
    windows = {}
    for key, part in parts.items():
        if {'offsets', 'delta'}.isdisjoint(part):
            continue
        windows[key] = window_of(part)
        if windows[key] is None:
            yield Finding(
                ERROR, f'{key}.offsets',
                'expected ascending frame offsets with 0 among them (or '
                f'delta alone), got offsets={part.get("offsets")!r}, '
                f'delta={part.get("delta")!r}')
    valid = {key: window for key, window in windows.items() if window}
    for key, window in valid.items():
        reference, expected = next(iter(valid.items()))
        if window != expected:
            yield Finding(
                ERROR, f'{key}.offsets',
                f'{list(window)}, but {reference} has {list(expected)}: set '
                'both from one variable')
    num_frames = (model.get('data_preprocessor') or {}).get('num_frames')
    for key, window in valid.items():
        if num_frames is not None and num_frames != len(window):
            yield Finding(ERROR, 'model.data_preprocessor.num_frames',
                          f'{num_frames}, but {key} has {len(window)} frames')
            return


def check_preprocessor(config: Config) -> Iterator[Finding]:
    """MMPose's preprocessor refuses clips, or swaps frames for channels."""
    preprocessor = (config.get('model') or {}).get('data_preprocessor') or {}
    key = 'model.data_preprocessor'
    if preprocessor.get('type') == 'PoseDataPreprocessor':
        yield Finding(
            ERROR, f'{key}.type',
            "'PoseDataPreprocessor' takes single images: with mean and std "
            'it fails on clips, without them it swaps frames for channels; '
            "use 'SequencePoseDataPreprocessor'")
    if not preprocessor.get('bgr_to_rgb', False):
        yield Finding(
            WARNING, f'{key}.bgr_to_rgb',
            'false: frames are loaded as BGR, pretrained backbones expect '
            'RGB')
    if (preprocessor.get('mean') is None) != (preprocessor.get('std') is None):
        yield Finding(ERROR, f'{key}.mean', 'mean and std go together')


def check_codec(config: Config) -> Iterator[Finding]:
    """Targets, decoder and crops must fit together."""
    model = config.get('model') or {}
    decoder = (model.get('head') or {}).get('decoder')
    if not decoder:
        yield Finding(ERROR, 'model.head.decoder',
                      'missing: set it to the codec of GenerateTarget')
        return
    for phase, loader in loaders(config):
        pipeline = loader.dataset.get('pipeline') or []
        key = f'{phase}_dataloader.dataset.pipeline'
        target = find_step(pipeline, 'GenerateTarget')
        if target is not None and isinstance(
                target.get('encoder'), dict) and _plain(
                    target['encoder']) != _plain(decoder):
            yield Finding(
                ERROR, f'{key}.GenerateTarget.encoder',
                f'{_plain(target["encoder"])} is not model.head.decoder '
                f'{_plain(decoder)}')
        crop = find_step(pipeline, 'TopdownAffine')
        if crop is None:
            continue
        if tuple(crop['input_size']) != tuple(decoder['input_size']):
            yield Finding(
                ERROR, f'{key}.TopdownAffine.input_size',
                f'{tuple(crop["input_size"])}, but the decoder has '
                f'{tuple(decoder["input_size"])} (width, height)')
        if crop.get('use_udp', False) != (decoder['type'] == 'UDPHeatmap'):
            yield Finding(
                ERROR, f'{key}.TopdownAffine.use_udp',
                f'{crop.get("use_udp", False)} with codec {decoder["type"]}: '
                'UDPHeatmap wants True, others False')
    shift = (model.get('test_cfg') or {}).get('shift_heatmap')
    if (model.get('test_cfg') or {}).get('flip_test') and shift is not None:
        wanted = decoder['type'] != 'UDPHeatmap'
        if bool(shift) != wanted:
            yield Finding(
                WARNING, 'model.test_cfg.shift_heatmap',
                f'{shift} with codec {decoder["type"]}: {wanted} is usual')


def check_keypoints(config: Config) -> Iterator[Finding]:
    """The head predicts as many keypoints as the dataset has."""
    head = (config.get('model') or {}).get('head') or {}
    for phase, loader in loaders(config):
        cls = DATASETS.get(loader.dataset.get('type', ''))
        if cls is None:
            yield Finding(ERROR, f'{phase}_dataloader.dataset.type',
                          f'{loader.dataset.get("type")!r} is not registered')
            continue
        metainfo = getattr(cls, 'METAINFO', None)
        if loader.dataset.get('metainfo') or not metainfo:
            continue
        count = parse_pose_metainfo(dict(metainfo))['num_keypoints']
        if head.get('out_channels') not in (None, count):
            yield Finding(
                ERROR, 'model.head.out_channels',
                f'{head["out_channels"]}, but {loader.dataset.type} has '
                f'{count} keypoints')
            return


def _plain(codec: Any) -> dict:
    """A codec without what changes nothing."""
    return {
        key: tuple(value) if isinstance(value, (list, tuple)) else value
        for key, value in dict(codec).items()
    }
