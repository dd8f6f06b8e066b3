"""Every ablation builds and differs from its base in what is ablated."""
import re
from functools import lru_cache
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS, TRANSFORMS

import mmpose_tdmi  # noqa: F401
from mmpose_tdmi.models.disentanglement import (AttentionFactorisation,
                                                NoFactorisation,
                                                SplitFactorisation)
from mmpose_tdmi.models.temporal_difference import (ConcatFusion,
                                                    ProgressiveAccumulation)

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / 'configs' / 'ablations'
CONFIGS = sorted(FOLDER.rglob('*.py'))
BASES = dict(
    synthetic=ROOT / 'configs/tdmi/synthetic'
    '/tdmi_hrnet-light_1xb16-1e_synthetic-96x64.py',
    posetrack17=ROOT / 'configs/tdmi/posetrack17'
    '/tdmi_hrnet-w48_2xb24-20e_posetrack17-384x288.py')
WINDOW = {
    'offsets', 'train_dataloader.dataset.offsets',
    'val_dataloader.dataset.offsets', 'test_dataloader.dataset.offsets',
    'model.data_preprocessor.num_frames', 'model.neck.offsets'
}
# ablation: what differs from the base, and nothing else
ABLATIONS = {
    'full': set(),
    'tde-only': {'model.head.factorisation', 'model.head.mi_loss'},
    'factorisation-only': {'model.head.mi_loss'},
    'channel-split': {'model.head.factorisation'},
    'last-stage': {'model.neck.stages', 'model.neck.modulation'},
    'concat': {'model.neck.fusion', 'model.neck.modulation'},
    'progressive': {'model.neck.modulation'},
    'mi-released': {'model.head.mi_loss'},
    'delta-1': WINDOW,
    'delta-3': WINDOW,
    'blocks-2-2-2-2': {'model.neck.num_blocks'},
    # only where they are not the base's
    'blocks-3-3-2-2': {'model.neck.num_blocks'},
    'tdmi-st':
    {'model.head.visual', 'model.head.offsets', 'model.head.spatiotemporal'},
    'window-shortcut': {
        'model.head.visual_shortcut', 'model.head.offsets',
        'optim_wrapper.paramwise_cfg.custom_keys.window_shortcut'
    },
    'op-flow': {
        'model.backbone', 'model.neck', 'model.head.factorisation',
        'model.head.mi_loss'
    },
}
#: Of the base in the small form, which has none of them.
ONLY_SYNTHETIC = {'blocks-3-3-2-2', 'tdmi-st', 'window-shortcut'}


def ablation_of(path):
    """The ablation of a config by its name, ``None`` for single frames."""
    if path.stem.startswith('td-hm_'):
        return None
    if path.stem.startswith('op-flow_'):
        return 'op-flow'
    return path.stem.rsplit('_', 1)[1]


def differences(config, base, whole=(), prefix=''):
    """Dotted keys in which two dicts differ, ``whole`` ones as a whole."""
    found = set()
    for key in set(config) | set(base):
        name = f'{prefix}{key}'
        a, b = config.get(key), base.get(key)
        if key in config and key in base and a == b:
            continue
        if isinstance(a, dict) and isinstance(b, dict) and name not in whole:
            found |= differences(a, b, whole, f'{name}.')
        else:
            found.add(name)
    return found


@lru_cache(maxsize=None)
def load(path):
    """A config, which no test changes."""
    return Config.fromfile(str(path))


@lru_cache(maxsize=None)
def build(path):
    """The model without weights, and without memory for them."""
    config = load(path)
    init_default_scope(config.default_scope)
    with torch.device('meta'):
        return MODELS.build(config.model)


@pytest.mark.parametrize('path', CONFIGS, ids=lambda x: x.stem)
def test_it_builds(path):
    config = load(path)
    model = build(path)
    for pipeline in (config.train_pipeline, config.val_pipeline):
        for transform in pipeline:
            TRANSFORMS.build(transform)
    num_frames = model.data_preprocessor.num_frames
    for split in ('train', 'val', 'test'):
        dataset = config[f'{split}_dataloader'].dataset
        assert len(dataset.offsets) == num_frames
    if model.with_neck:
        assert model.neck.window.num_frames == num_frames
        assert model.neck.window.offsets == tuple(dataset.offsets)
    match = re.search(r'_\d+xb(\d+)-(\d+)e_(\w+)-', path.stem)
    assert int(match[1]) == config.train_dataloader.batch_size
    assert int(match[2]) == config.train_cfg.max_epochs
    assert match[3] == path.parent.name


@pytest.mark.parametrize(
    'path', [x for x in CONFIGS if ablation_of(x)], ids=lambda x: x.stem)
def test_it_differs_from_its_base_in_what_is_ablated(path):
    expected = ABLATIONS[ablation_of(path)]
    found = differences(
        load(path).to_dict(),
        load(BASES[path.parent.name]).to_dict(), expected)
    assert found == expected


@pytest.mark.parametrize('folder', BASES)
def test_no_ablation_is_missing(folder):
    found = {ablation_of(x) for x in (FOLDER / folder).glob('*.py')} - {None}
    expected = set(ABLATIONS)
    assert found == (
        expected if folder == 'synthetic' else expected - ONLY_SYNTHETIC)


@pytest.mark.parametrize('folder', BASES)
def test_they_are_what_they_are_called(folder):
    models = {
        ablation_of(x): build(x)
        for x in (FOLDER / folder).glob('*.py')
        if 'delta' not in x.stem and 'td-hm' not in x.stem
    }
    for name, model in models.items():
        neck, head = model.neck, model.head
        if name == 'op-flow':
            assert type(neck).__name__ == 'OpticalFlowNeck'
            assert model.backbone.backbone.out_stages == (1, 2, 3, 4)
        else:
            modulated = name not in ('last-stage', 'concat', 'progressive')
            assert (neck.modulation is not None) == modulated
            fusion = ConcatFusion if name == 'concat' \
                else ProgressiveAccumulation
            assert isinstance(neck.fusion, fusion)
            assert neck.stages == ((3, ) if name == 'last-stage' else
                                   (0, 1, 2, 3))
        without_rdm = name in ('tde-only', 'op-flow')
        kind = NoFactorisation if without_rdm else (
            SplitFactorisation
            if name == 'channel-split' else AttentionFactorisation)
        assert isinstance(head.factorisation, kind)
        with_mi = not without_rdm and name != 'factorisation-only'
        assert (head.mi_loss is not None) == with_mi
        if with_mi:
            estimator = type(head.mi_loss.estimator).__name__
            assert estimator == ('ReleasedEstimator'
                                 if name == 'mi-released' else 'VSDEstimator')
        assert (head.spatiotemporal is not None) == (name == 'tdmi-st')
        assert (head.window_shortcut is not None) == (
            name == 'window-shortcut')


@pytest.mark.parametrize('delta', [1, 3])
@pytest.mark.parametrize('folder', BASES)
def test_windows(folder, delta):
    path, = (FOLDER / folder).glob(f'*_delta-{delta}.py')
    model = build(path)
    assert model.neck.window.offsets == tuple(range(-delta, delta + 1))


def test_the_flow_network_gets_what_the_preprocessor_subtracted():
    for path in FOLDER.rglob('op-flow*.py'):
        model = load(path).model
        assert model.neck.mean == model.data_preprocessor.mean
        assert model.neck.std == model.data_preprocessor.std
        # RAFT maps R, G, B
        assert model.data_preprocessor.bgr_to_rgb


@pytest.mark.parametrize('name,depth', [('res50', 50), ('res152', 152),
                                        ('hrnet-w48', None)])
def test_single_frame_rows_are_the_hosts(name, depth):
    path = FOLDER / 'posetrack17' / \
        f'td-hm_{name}_2xb24-20e_posetrack17-384x288.py'
    config = load(path)
    base = load(BASES['posetrack17'])
    assert config.model.backbone.type == ('ResNet' if depth else 'HRNet')
    assert config.model.backbone.get('depth') == depth
    assert config.model.head.type == 'HeatmapHead'
    if not depth:
        assert config.model.backbone.extra == base.model.backbone.extra
    changed = differences(config.to_dict(), base.to_dict(), {'model'})
    assert changed == {x for x in WINDOW if 'model' not in x} | {'model'}
    assert config.model.test_cfg == base.model.test_cfg
    preprocessor = dict(base.model.data_preprocessor, num_frames=1)
    assert config.model.data_preprocessor == preprocessor
    assert name.replace('hrnet', '') in config.model.init_cfg.checkpoint


def test_the_page_states_their_parameters():
    """The table of docs/model.md; multiply-accumulates take longer."""
    page = (ROOT / 'docs' / 'model.md').read_text(encoding='utf-8')
    rows = {
        name: (int(frames), int(params.replace(',',
                                               '')), int(own.replace(',', '')))
        for name, frames, params, own in re.findall(
            r'^\| `([\w-]+)` \| (\d) \| ([\d,]+) \| ([\d,]+) \|', page, re.M)
    }
    found = {}
    for path in (FOLDER / 'posetrack17').glob('*.py'):
        model = build(path)
        name = ablation_of(path) or '_'.join(path.stem.split('_')[:2])
        total, backbone = (
            sum(x.numel() for x in part.parameters())
            for part in (model, model.backbone))
        found[name] = (model.data_preprocessor.num_frames, total,
                       total - backbone)
    assert found == rows
