"""Mistakes in configs of clips, found before a training finds them.

Each rule looks at one thing that shows late, as an odd error or an AP of 0,
and reads the config alone; :func:`check_data` and :func:`check_model` try out
data and model.
"""
import re
from functools import partial
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.registry import DATASETS, METRICS, MODELS, TRANSFORMS

from mmpose_tdmi.models.cost import clip_length, count_model
from mmpose_tdmi.structures import FrameWindow

ERROR, WARNING = 'error', 'warning'
#: Transforms of single images: on a clip they fail, or treat the frames
#: differently, which is fake motion.
SINGLE_IMAGE = ('LoadImage', 'LoadImageFromFile', 'PhotometricDistortion',
                'YOLOXHSVRandomAug', 'Albumentation')
#: Transforms that change a sample at random.
RANDOM = ('RandomFlip', 'RandomHalfBody', 'RandomBBoxTransform',
          'ShareRandomParams')


class Finding(NamedTuple):
    """What was found where in a config, and what was expected: an error cannot
    work or gives wrong numbers, a warning is unusual."""
    level: str
    key: str
    message: str

    def __str__(self) -> str:
        return f'{self.level}: {self.key}: {self.message}'


error = partial(Finding, ERROR)
warning = partial(Finding, WARNING)


def part_of(config: Any, key: str) -> Any:
    """A part of a config by its dotted key, an empty one if it is absent."""
    for name in key.split('.'):
        config = config.get(name) or {}
    return config


def loaders(config: Config) -> Iterator[Tuple[str, Any]]:
    """The phases that a config has, with their loaders."""
    for phase in ('train', 'val', 'test'):
        loader = config.get(f'{phase}_dataloader')
        if loader and loader.get('dataset'):
            yield phase, loader


def check_imports(config: Config) -> Iterator[Finding]:
    if 'mmpose_tdmi' not in part_of(config, 'custom_imports.imports'):
        yield error(
            'custom_imports',
            "add custom_imports = dict(imports=['mmpose_tdmi'], "
            'allow_failed_imports=False): the plugin is not imported')
    if (scope := config.get('default_scope')) != 'mmpose':
        yield error('default_scope', f"expected 'mmpose', got {scope!r}")


def window_of(part: Any) -> Optional[Tuple[int, ...]]:
    """The offsets that a part of a config names, if they are valid."""
    try:
        return FrameWindow.from_config(part.get('delta'),
                                       part.get('offsets')).offsets
    except ValueError:
        return None


def check_windows(config: Config) -> Iterator[Finding]:
    """Dataset and model must be given the same frames."""
    neck, head = (part_of(config, f'model.{x}') for x in ('neck', 'head'))
    parts = {'model.neck': neck}
    # the head's window only counts where it looks at the frames
    if (head.get('visual', 'spatiotemporal') == 'spatiotemporal'
            or head.get('visual_shortcut') == 'window'):
        parts['model.head'] = head
    # a neck may train on other frames than it is tested on
    train_offsets = neck.get('train_offsets')
    for phase, loader in loaders(config):
        if phase != 'train' or train_offsets is None:
            parts[f'{phase}_dataloader.dataset'] = loader.dataset
        elif window_of(loader.dataset) != tuple(train_offsets):
            yield error(
                'train_dataloader.dataset.offsets',
                f'{loader.dataset.get("offsets")}, but model.neck.'
                f'train_offsets is {list(train_offsets)}')
    windows: Dict[str, Tuple[int, ...]] = {}
    for key, part in parts.items():
        if {'offsets', 'delta'}.isdisjoint(part):
            continue
        window = window_of(part)
        if window is None:
            yield error(
                f'{key}.offsets',
                'expected ascending frame offsets with 0 among them (or '
                f'delta alone), got offsets={part.get("offsets")!r}, '
                f'delta={part.get("delta")!r}')
            continue
        windows[key] = window
        reference, expected = next(iter(windows.items()))
        if window != expected:
            yield error(
                f'{key}.offsets',
                f'{list(window)}, but {reference} has {list(expected)}: set '
                'both from one variable')
    num_frames = part_of(config, 'model.data_preprocessor').get('num_frames')
    for key, window in windows.items():
        if num_frames not in (None, len(window)):
            yield error('model.data_preprocessor.num_frames',
                        f'{num_frames}, but {key} has {len(window)} frames')
            return


def check_preprocessor(config: Config) -> Iterator[Finding]:
    """MMPose's preprocessor refuses clips, or swaps frames for channels."""
    key = 'model.data_preprocessor'
    preprocessor = part_of(config, key)
    if preprocessor.get('type') == 'PoseDataPreprocessor':
        yield error(
            f'{key}.type',
            "'PoseDataPreprocessor' takes single images: with mean and std "
            'it fails on clips, without them it swaps frames for channels; '
            "use 'SequencePoseDataPreprocessor'")
    if not preprocessor.get('bgr_to_rgb', False):
        yield warning(
            f'{key}.bgr_to_rgb',
            'false: frames are loaded as BGR, pretrained backbones expect '
            'RGB')
    if (preprocessor.get('mean') is None) != (preprocessor.get('std') is None):
        yield error(f'{key}.mean', 'mean and std go together')


def check_pipelines(config: Config) -> Iterator[Finding]:
    """Steps that fail on clips, or do not belong into a test."""
    for phase, loader in loaders(config):
        key = f'{phase}_dataloader.dataset.pipeline'
        steps = loader.dataset.get('pipeline') or []
        names = [step.get('type') for step in steps]
        for name in names:
            if name in SINGLE_IMAGE:
                yield error(
                    key, f'{name} is for single images: use '
                    'LoadFrameSequence to load, and ShareRandomParams around '
                    'photometric transforms')
            elif name is not None and TRANSFORMS.get(name) is None:
                yield error(key, f'{name} is not registered')
            if phase != 'train' and name in RANDOM:
                yield error(key, f'{name} is random; {phase} must not be')
        if names[-1:] == ['PackPoseInputs']:
            yield error(
                key, "ends with PackPoseInputs, which drops the clip's "
                'keys: use PackPoseSequenceInputs')
        if phase == 'train' and names and 'GenerateTarget' not in names:
            yield error(key,
                        'has no GenerateTarget: there is nothing to train on')
        if phase != 'train' and not loader.dataset.get('test_mode', False):
            yield error(
                f'{phase}_dataloader.dataset.test_mode',
                'expected True: otherwise persons are left out, and boxes of '
                'bbox_file are not read')


def check_codec(config: Config) -> Iterator[Finding]:
    """Targets, decoder and crops must fit together."""
    decoder = part_of(config, 'model.head.decoder')
    if not decoder:
        yield error('model.head.decoder',
                    'missing: set it to the codec of GenerateTarget')
        return
    is_udp = decoder['type'] == 'UDPHeatmap'
    for phase, loader in loaders(config):
        key = f'{phase}_dataloader.dataset.pipeline'
        pipeline = loader.dataset.get('pipeline') or []
        steps = {step.get('type'): step for step in reversed(pipeline)}
        crop = steps.get('TopdownAffine')
        encoder = steps.get('GenerateTarget', {}).get('encoder')
        if isinstance(encoder, dict) and _plain(encoder) != _plain(decoder):
            yield error(
                f'{key}.GenerateTarget.encoder',
                f'{_plain(encoder)} is not model.head.decoder '
                f'{_plain(decoder)}')
        if crop is None:
            continue
        size, expected = (tuple(x['input_size']) for x in (crop, decoder))
        if size != expected:
            yield error(
                f'{key}.TopdownAffine.input_size',
                f'{size}, but the decoder has {expected} (width, height)')
        use_udp = crop.get('use_udp', False)
        if use_udp != is_udp:
            yield error(
                f'{key}.TopdownAffine.use_udp', f'{use_udp} with codec '
                f'{decoder["type"]}: UDPHeatmap wants True, others False')
    test_cfg = part_of(config, 'model.test_cfg')
    shift = test_cfg.get('shift_heatmap')
    if test_cfg.get('flip_test') and shift not in (None, not is_udp):
        yield warning(
            'model.test_cfg.shift_heatmap',
            f'{shift} with codec {decoder["type"]}: {not is_udp} is usual')


def _plain(codec: Any) -> dict:
    return {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in codec.items()
    }


def check_keypoints(config: Config) -> Iterator[Finding]:
    """The head predicts as many keypoints as the dataset has."""
    predicted = part_of(config, 'model.head').get('out_channels')
    for phase, loader in loaders(config):
        name = loader.dataset.get('type', '')
        cls = DATASETS.get(name)
        if cls is None:
            yield error(f'{phase}_dataloader.dataset.type',
                        f'{name!r} is not registered')
            continue
        metainfo = getattr(cls, 'METAINFO', None)
        if loader.dataset.get('metainfo') or not metainfo:
            continue
        count = parse_pose_metainfo(dict(metainfo))['num_keypoints']
        if predicted not in (None, count):
            yield error('model.head.out_channels',
                        f'{predicted}, but {name} has {count} keypoints')
            return


def check_loaders(config: Config) -> Iterator[Finding]:
    """Sampling that drops, repeats or mixes test samples."""
    for phase, loader in loaders(config):
        dataset, sampler = loader.dataset, loader.get('sampler') or {}
        key = f'{phase}_dataloader'
        if phase != 'train':
            if loader.get('drop_last', False):
                yield error(f'{key}.drop_last',
                            'true: the last persons are not tested')
            if dataset.get('random_range') is not None:
                yield error(f'{key}.dataset.random_range',
                            'draws frames at random; for training only')
            if sampler.get('round_up', True):
                yield warning(
                    f'{key}.sampler.round_up', 'true: with several processes '
                    'the first persons are tested twice')
            continue
        if dataset.get('bbox_file'):
            yield error(f'{key}.dataset.bbox_file',
                        "a detector's boxes have no keypoints to learn")
        if sampler and not sampler.get('shuffle', True):
            yield warning(f'{key}.sampler.shuffle',
                          'false: batches hold the same persons always')


def check_evaluators(config: Config) -> Iterator[Finding]:
    """Persons are scored against the annotations they were taken from."""
    for phase, loader in loaders(config):
        evaluators = config.get(f'{phase}_evaluator')
        if phase == 'train' or not evaluators:
            continue
        ann_file = Path(
            loader.dataset.get('data_root') or '',
            loader.dataset.get('ann_file') or '')
        if isinstance(evaluators, dict):
            evaluators = [evaluators]
        for evaluator in evaluators:
            scored = evaluator.get('ann_file')
            if scored and Path(scored) != ann_file:
                yield error(f'{phase}_evaluator.ann_file',
                            f'{scored}, but persons come from {ann_file}')
    key = 'default_hooks.checkpoint.save_best'
    best = part_of(config, key)
    evaluator = config.get('val_evaluator')
    if best and not evaluator:
        yield error(key, f'{best!r}, but nothing is validated')
    elif best and best != 'auto' and isinstance(evaluator, dict):
        name = evaluator.get('type')
        prefix = evaluator.get('prefix') or getattr(
            METRICS.get(str(name)), 'default_prefix', None)
        if prefix and best.split('/')[0] != prefix:
            yield error(
                key, f"{best!r}, but {name}'s figures begin with {prefix!r}")


def check_name(config: Config) -> Iterator[Finding]:
    """OpenMMLab's config names tell processes, batch and epochs."""
    named = re.search(r'_(\d+)xb(\d+)-(\d+)e_',
                      Path(config.filename or '').name)
    if named is None:
        return
    processes, batch, epochs = map(int, named.groups())
    expectations = {
        'train_dataloader.batch_size': (batch, batch),
        'train_cfg.max_epochs': (epochs, epochs),
        'auto_scale_lr.base_batch_size':
        (processes * batch, f'{processes} x {batch}')
    }
    for key, (expected, words) in expectations.items():
        value = part_of(config, key) or None
        if value != expected and (value or 'auto_scale_lr' not in key):
            yield warning(key, f'{value}, the name says {words}')


RULES = (check_imports, check_windows, check_preprocessor, check_pipelines,
         check_codec, check_keypoints, check_loaders, check_evaluators,
         check_name)


def check_config(config: Config) -> List[Finding]:
    """Apply every rule; errors come first."""
    found = [finding for rule in RULES for finding in rule(config)]
    return sorted(found, key=lambda finding: finding.level != ERROR)


def check_data(config: Config) -> Iterator[Finding]:
    """Look for a config's files, and load a sample of each phase."""
    init_default_scope(config.get('default_scope', 'mmpose'))
    for phase, loader in loaders(config):
        dataset, key = loader.dataset, f'{phase}_dataloader.dataset'
        root = Path(dataset.get('data_root') or '')
        paths = dict(
            data_root=root,
            ann_file=root / (dataset.get('ann_file') or ''),
            bbox_file=dataset.get('bbox_file'))
        missing = [k for k, p in paths.items() if p and not Path(p).exists()]
        if missing:
            name = missing[0]
            yield error(f'{key}.{name}', f'{paths[name]} does not exist')
            continue
        try:
            DATASETS.build(dataset)[0]
        except (KeyError, OSError, TypeError, ValueError) as reason:
            yield error(key, f'no sample can be loaded: {reason}')
    for key, path in (('load_from', config.get('load_from')),
                      *_checkpoints('model', config.get('model'))):
        if path and '://' not in path and not Path(path).is_file():
            yield error(key, f'{path} does not exist')


def _checkpoints(key: str, part: Any) -> Iterator[Tuple[str, str]]:
    """Every checkpoint below a part of a config, with its key."""
    if isinstance(part, dict):
        for name, value in part.items():
            if name == 'checkpoint' and isinstance(value, str):
                yield f'{key}.{name}', value
            else:
                yield from _checkpoints(f'{key}.{name}', value)
    elif isinstance(part, (list, tuple)):
        for place, value in enumerate(part):
            yield from _checkpoints(f'{key}[{place}]', value)


def check_model(config: Config) -> Iterator[Finding]:
    """Build the model and let a clip without numbers through it."""
    init_default_scope(config.get('default_scope', 'mmpose'))
    try:
        model = MODELS.build(config.model)
        width, height = model.head.decoder.input_size
        count_model(model, (height, width), clip_length(model), depth=1)
    except (AttributeError, AssertionError, KeyError, RuntimeError, TypeError,
            ValueError) as reason:
        message = str(reason).strip().splitlines() or [type(reason).__name__]
        yield error('model', f'it does not run: {message[-1]}')
