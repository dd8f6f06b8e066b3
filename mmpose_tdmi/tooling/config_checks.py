"""What the checks of configs find, and what they look through.

Rules on a config's data: pipelines, loaders, evaluators, names.

Rules on a config's model: what it is given, and what it gives.

Shape shorthand: T frames of a clip, K keypoints, H x W pixels of a crop.

Trying out a config: its files, a sample of each phase, its model.

Shape shorthand: H x W pixels of a crop.

Mistakes in configs of clips, found before a training finds them.

Each rule looks at one thing that people get wrong and that shows late, as an
odd error or as an AP of 0. Rules read the config and nothing else
(:mod:`.model_rules`, :mod:`.data_rules`);
:mod:`mmpose_tdmi.tooling.config_trials` tries out data and model.
"""
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Iterator, List, Optional, Tuple

from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.registry import DATASETS, METRICS, MODELS, TRANSFORMS

from mmpose_tdmi.models.cost import clip_length, count_model
from mmpose_tdmi.structures import FrameWindow

ERROR, WARNING = 'error', 'warning'
PHASES = ('train', 'val', 'test')


@dataclass(frozen=True)
class Finding:
    """Something found in a config.

    Attributes:
        level (str): ``'error'``, it cannot work or gives wrong numbers; or
            ``'warning'``, it is unusual.
        key (str): Where in the config.
        message (str): What was found and what was expected.
    """
    level: str
    key: str
    message: str

    def __str__(self) -> str:
        return f'{self.level}: {self.key}: {self.message}'


def loaders(config: Config) -> Iterator[Tuple[str, Any]]:
    """The phases that a config has, with their loaders."""
    for phase in PHASES:
        loader = config.get(f'{phase}_dataloader')
        if loader and loader.get('dataset'):
            yield phase, loader


def find_step(pipeline: List[dict], name: str) -> Optional[dict]:
    """The first step of that type in a pipeline."""
    return next((step for step in pipeline or [] if step.get('type') == name),
                None)


#: Transforms of single images: on a clip they fail, or treat the frames
#: differently, which is fake motion.
SINGLE_IMAGE = ('LoadImage', 'LoadImageFromFile', 'PhotometricDistortion',
                'YOLOXHSVRandomAug', 'Albumentation')
#: Transforms that change a sample at random.
RANDOM = ('RandomFlip', 'RandomHalfBody', 'RandomBBoxTransform',
          'ShareRandomParams')


def check_pipelines(config: Config) -> Iterator[Finding]:
    """Steps that fail on clips, or do not belong into a test."""
    for phase, loader in loaders(config):
        pipeline = loader.dataset.get('pipeline') or []
        key = f'{phase}_dataloader.dataset.pipeline'
        names = [step.get('type') for step in pipeline]
        for name in names:
            if name in SINGLE_IMAGE:
                yield Finding(
                    ERROR, key, f'{name} is for single images: use '
                    'LoadFrameSequence to load, and ShareRandomParams around '
                    'photometric transforms')
            elif name is not None and TRANSFORMS.get(name) is None:
                yield Finding(ERROR, key, f'{name} is not registered')
            if phase != 'train' and name in RANDOM:
                yield Finding(ERROR, key,
                              f'{name} is random; {phase} must not be')
        if pipeline and names[-1] == 'PackPoseInputs':
            yield Finding(
                ERROR, key, "ends with PackPoseInputs, which drops the clip's "
                'keys: use PackPoseSequenceInputs')
        if phase == 'train' and pipeline and 'GenerateTarget' not in names:
            yield Finding(
                ERROR, key, 'has no GenerateTarget: there is '
                'nothing to train on')
        if phase != 'train' and not loader.dataset.get('test_mode', False):
            yield Finding(
                ERROR, f'{phase}_dataloader.dataset.test_mode',
                'expected True: otherwise persons are left out, and boxes of '
                'bbox_file are not read')


def check_loaders(config: Config) -> Iterator[Finding]:
    """Sampling that drops, repeats or mixes test samples."""
    for phase, loader in loaders(config):
        sampler = loader.get('sampler') or {}
        key = f'{phase}_dataloader'
        if phase == 'train':
            if loader.dataset.get('bbox_file'):
                yield Finding(ERROR, f'{key}.dataset.bbox_file',
                              "a detector's boxes have no keypoints to learn")
            if sampler and not sampler.get('shuffle', True):
                yield Finding(WARNING, f'{key}.sampler.shuffle',
                              'false: batches hold the same persons always')
            continue
        if loader.get('drop_last', False):
            yield Finding(ERROR, f'{key}.drop_last',
                          'true: the last persons are not tested')
        if loader.dataset.get('random_range') is not None:
            yield Finding(ERROR, f'{key}.dataset.random_range',
                          'draws frames at random; for training only')
        if sampler.get('round_up', True):
            yield Finding(
                WARNING, f'{key}.sampler.round_up',
                'true: with several processes the first persons are tested '
                'twice')


def check_evaluators(config: Config) -> Iterator[Finding]:
    """Persons are scored against the annotations they were taken from."""
    for phase, loader in loaders(config):
        evaluators = config.get(f'{phase}_evaluator')
        if phase == 'train' or not evaluators:
            continue
        if isinstance(evaluators, dict):
            evaluators = [evaluators]
        ann_file = Path(loader.dataset.get('data_root') or '') / (
            loader.dataset.get('ann_file') or '')
        for evaluator in evaluators:
            scored = evaluator.get('ann_file')
            if scored and Path(scored) != ann_file:
                yield Finding(ERROR, f'{phase}_evaluator.ann_file',
                              f'{scored}, but persons come from {ann_file}')
    checkpoint = (config.get('default_hooks') or {}).get('checkpoint') or {}
    best = checkpoint.get('save_best')
    evaluator = config.get('val_evaluator')
    if best and not evaluator:
        yield Finding(ERROR, 'default_hooks.checkpoint.save_best',
                      f'{best!r}, but nothing is validated')
    elif best and best != 'auto' and isinstance(evaluator, dict):
        name = evaluator.get('type')
        prefix = evaluator.get('prefix') or getattr(
            METRICS.get(str(name)), 'default_prefix', None)
        if prefix and best.split('/')[0] != prefix:
            yield Finding(
                ERROR, 'default_hooks.checkpoint.save_best',
                f"{best!r}, but {name}'s figures begin with "
                f'{prefix!r}')


def check_name(config: Config) -> Iterator[Finding]:
    """OpenMMLab's config names tell processes, batch and epochs."""
    name = Path(config.filename or '').name
    named = re.search(r'_(\d+)xb(\d+)-(\d+)e_', name)
    if named is None:
        return
    processes, batch, epochs = map(int, named.groups())
    loader = config.get('train_dataloader') or {}
    if loader.get('batch_size') != batch:
        yield Finding(WARNING, 'train_dataloader.batch_size',
                      f'{loader.get("batch_size")}, the name says {batch}')
    max_epochs = (config.get('train_cfg') or {}).get('max_epochs')
    if max_epochs != epochs:
        yield Finding(WARNING, 'train_cfg.max_epochs',
                      f'{max_epochs}, the name says {epochs}')
    base = (config.get('auto_scale_lr') or {}).get('base_batch_size')
    if base is not None and base != processes * batch:
        yield Finding(WARNING, 'auto_scale_lr.base_batch_size',
                      f'{base}, the name says {processes} x {batch}')


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


def check_data(config: Config) -> Iterator[Finding]:
    """Look for the files that a config names, and load one sample.

    Args:
        config (Config): The config; it is not changed.

    Yields:
        Finding: Files that are missing, and what loading says.
    """
    for phase, loader in loaders(config):
        dataset = loader.dataset
        root = Path(dataset.get('data_root') or '')
        key = f'{phase}_dataloader.dataset'
        missing = False
        for name, path in (('data_root',
                            root), ('ann_file',
                                    root / (dataset.get('ann_file') or '')),
                           ('bbox_file', dataset.get('bbox_file'))):
            if path and not Path(path).exists():
                missing = True
                yield Finding(ERROR, f'{key}.{name}', f'{path} does not exist')
                break
        if missing:
            continue
        init_default_scope(config.get('default_scope', 'mmpose'))
        try:
            built = DATASETS.build(dataset)
            built[0]
        except (KeyError, OSError, TypeError, ValueError) as error:
            yield Finding(ERROR, key, f'no sample can be loaded: {error}')
    for key, path in _checkpoints(config):
        if '://' not in path and not Path(path).is_file():
            yield Finding(ERROR, key, f'{path} does not exist')


def check_model(config: Config) -> Iterator[Finding]:
    """Build the model and let a clip without numbers through it.

    Args:
        config (Config): The config.

    Yields:
        Finding: What building or running it says.
    """
    init_default_scope(config.get('default_scope', 'mmpose'))
    try:
        model = MODELS.build(config.model)
        width, height = model.head.decoder.input_size
        count_model(model, (height, width), clip_length(model), depth=1)
    except (AttributeError, AssertionError, KeyError, RuntimeError, TypeError,
            ValueError) as error:
        message = str(error).strip().splitlines() or [type(error).__name__]
        yield Finding(ERROR, 'model', f'it does not run: {message[-1]}')


def _checkpoints(config: Config) -> Iterator[Tuple[str, str]]:
    """Every checkpoint that a config names, with its key."""
    if config.get('load_from'):
        yield 'load_from', config.load_from

    def search(key: str, part: Any) -> Iterator[Tuple[str, str]]:
        if isinstance(part, dict):
            for name, value in part.items():
                if name == 'checkpoint' and isinstance(value, str):
                    yield f'{key}.{name}', value
                else:
                    yield from search(f'{key}.{name}', value)
        elif isinstance(part, (list, tuple)):
            for place, value in enumerate(part):
                yield from search(f'{key}[{place}]', value)

    yield from search('model', config.get('model'))


Rule = Callable[[Config], Iterator[Finding]]

RULES: Tuple[Rule, ...] = (check_imports, check_windows, check_preprocessor,
                           check_pipelines, check_codec, check_keypoints,
                           check_loaders, check_evaluators, check_name)


def check_config(config: Config) -> List[Finding]:
    """Apply every rule that needs neither files nor the model.

    Args:
        config (Config): The config.

    Returns:
        list[Finding]: Errors first.
    """
    found = [finding for rule in RULES for finding in rule(config)]
    return sorted(found, key=lambda finding: finding.level != ERROR)
