"""What models cost, and folded batch normalisations."""
import copy

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS
from torch import nn

from mmpose_tdmi.models.cost import (clip_cost, clip_length, count_model,
                                     fold_batch_norms)
from mmpose_tdmi.models.layers import DeformableConv2d
from projects.performance.models import (build_random_model, resize_input,
                                         tdmi_config)

RELEASED_NECK = dict(
    num_blocks=2,
    skip_projection='always',
    accumulation=dict(unit='residual', num_units=1, on_first=False),
    modulation=dict(
        backend='torchvision',
        offset_input='key_and_difference',
        chains='shared',
        offset_dilation=3,
        mask='none',
        offset_init='normal'))


def test_authors_design_costs_what_it_should(hrnet_extra):
    config = dict(
        type='TopdownPoseEstimator',
        backbone=dict(type='MultiStageHRNet', extra=hrnet_extra(48)),
        neck=dict(
            type='TemporalDifferenceNeck',
            in_channels=(48, ) * 4,
            **RELEASED_NECK),
        head=dict(
            type='DisentanglementHead',
            in_channels=48,
            out_channels=17,
            visual='spatiotemporal',
            skip_projection='always'))
    model = MODELS.build(config)
    counts = {x.name: x for x in count_model(model, (384, 288), 5)}
    giga = {name: x.macs / 1e9 for name, x in counts.items()}
    assert giga['neck'] == pytest.approx(11.5, rel=0.01)
    own = giga['neck'] + giga['head']
    assert own == pytest.approx(19.6, rel=0.01)
    assert own - giga['head.spatiotemporal'] == pytest.approx(12.6, rel=0.01)
    assert counts['neck'].params + counts['head'].params == 2_863_713
    # counting leaves the model as it was
    assert model.neck.modulation['0'].conv.backend == 'torchvision'


def test_a_plain_convolution_is_counted_exactly(hrnet_extra):
    model = MODELS.build(
        dict(
            type='TopdownPoseEstimator',
            backbone=dict(type='HRNet', extra=hrnet_extra()),
            head=dict(
                type='HeatmapHead',
                in_channels=8,
                out_channels=17,
                deconv_out_channels=None)))
    counts = {x.name: x for x in count_model(model, (64, 32))}
    assert counts['head.final_layer'].macs == 8 * 17 * 16 * 8
    assert counts[''].macs == counts['backbone'].macs + counts['head'].macs
    assert counts[''].params == sum(x.numel() for x in model.parameters())


def test_attention_is_counted_exactly():
    # patches of 16 x 16 with a padding of 2: 4 x 3 of them
    tokens, dims, layers = 12, 32, 3
    model = MODELS.build(
        dict(
            type='TopdownPoseEstimator',
            backbone=dict(
                type='MultiStageViT',
                arch=dict(embed_dims=dims, num_layers=layers, num_heads=2),
                img_size=(64, 48),
                out_indices=(-1, )),
            head=dict(
                type='TemporalAttentionHead',
                in_channels=dims,
                out_channels=17,
                offsets=(-1, 0, 1),
                num_layers=1,
                region_threshold=None,
                deconv_out_channels=None)))
    assert clip_length(model) == 3
    counts = {x.name: x.macs for x in count_model(model, (64, 48), 3)}
    patches = tokens * 3 * 16 * 16 * dims
    linear, products = 12 * tokens * dims**2, 2 * tokens**2 * dims
    assert counts['backbone'] == 3 * (patches + layers * (linear + products))

    def attention(queries, context):
        return dims**2 * 2 * (queries + context) + 2 * queries * context * dims

    assert counts['head.aggregation'] == (
        attention(17, 3 * tokens) + attention(17, 17) + 4 * 17 * dims**2)
    assert counts['head.restoration'] == attention(tokens, 17)


def test_clip_length_without_a_window(hrnet_extra):
    model = MODELS.build(
        dict(
            type='TopdownPoseEstimator',
            backbone=dict(type='HRNet', extra=hrnet_extra()),
            head=dict(
                type='HeatmapHead',
                in_channels=8,
                out_channels=17,
                deconv_out_channels=None)))
    assert clip_length(model) == 1


@pytest.fixture
def folder(estimator_config, tmp_path):
    """Configs of TDMI and of its backbone with the host's head."""
    config = estimator_config()
    (tmp_path / 'tdmi.py').write_text(f'model = {config!r}')
    single = {
        **config, 'head':
        dict(
            type='HeatmapHead',
            in_channels=8,
            out_channels=17,
            deconv_out_channels=None,
            decoder=config['head']['decoder'])
    }
    single.pop('neck')
    (tmp_path / 'single.py').write_text(f'model = {single!r}')
    return tmp_path


@pytest.fixture
def command(repository):
    path = repository / 'tools' / 'analysis_tools' / 'count_model.py'
    names = {'__name__': 'count_model'}
    exec(compile(path.read_text(), str(path), 'exec'), names)
    return names


def test_a_row_is_the_models_count(folder, estimator_config):
    cost = clip_cost(folder / 'tdmi.py')
    counts = {
        x.name: x
        for x in count_model(MODELS.build(estimator_config()), (64, 64), 5)
    }
    assert (cost.name, cost.num_frames, cost.shape) == ('tdmi', 5, (64, 64))
    assert cost.modules[0] == counts['']
    assert cost.without_backbone() == tuple(
        sum(getattr(counts[part], key) for part in ('neck', 'head'))
        for key in ('params', 'macs'))


def test_a_single_frame(folder):
    cost = clip_cost(folder / 'single.py', (32, 64))
    assert (cost.num_frames, cost.shape) == (1, (32, 64))
    assert cost.without_backbone() == (8 * 17 + 17, 8 * 17 * 8 * 16)


def test_overrides(folder):
    plain = clip_cost(folder / 'tdmi.py')
    other = clip_cost(
        folder / 'tdmi.py', cfg_options={'model.neck.modulation': None})
    assert other.without_backbone() < plain.without_backbone()
    backbones = [{
        x.name: x
        for x in cost.modules
    }['backbone'] for cost in (plain, other)]
    assert backbones[0] == backbones[1]


def test_find_configs(folder, command):
    find_configs = command['find_configs']
    assert [x.name for x in find_configs([folder])] == ['single.py', 'tdmi.py']
    assert find_configs([folder / 'tdmi.py']) == [folder / 'tdmi.py']
    with pytest.raises(FileNotFoundError, match='no such config'):
        find_configs([folder / 'other.py'])
    (folder / 'empty').mkdir()
    with pytest.raises(FileNotFoundError, match='no config .* in folder'):
        find_configs([folder / 'empty'])


def test_modules_of_one_model(folder, command, capsys):
    command['main']([str(folder / 'tdmi.py'), '--depth', '1'])
    printed = capsys.readouterr().out.splitlines()
    assert '5 frame(s) of 64x64' in printed[0]
    assert [x.split()[0] for x in printed[2:]
            ] == ['(all)', 'data_preprocessor', 'backbone', 'neck', 'head']


def test_command_of_table(folder, command, capsys):
    command['main'](['--table', str(folder)])
    lines = capsys.readouterr().out.splitlines()
    cells = [[x.strip() for x in line.strip('|').split('|')] for line in lines]
    assert len({len(row) for row in cells}) == 1
    assert [row[0] for row in cells[2:]] == ['single', 'tdmi']
    assert [row[1:3] for row in cells[2:]] == [['1', '64x64'], ['5', '64x64']]


@pytest.mark.parametrize('arguments,message', [
    (['--table', 'nowhere'], 'no such config'),
    (['a.py', 'b.py'], '--table'),
])
def test_command_says_what_is_wrong(command, arguments, message):
    with pytest.raises(SystemExit, match=f'error: .*{message}'):
        command['main'](arguments)


def norms(model):
    return sum(
        isinstance(module, nn.modules.batchnorm._BatchNorm)
        for module in model.modules())


def randomise(model):
    """Statistics and factors that every normalisation counts by."""
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 2.)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.1)
    return model.eval()


@pytest.mark.parametrize('name', ['w32', 'vit-s'])
def test_heatmaps_stay(name):
    config = tdmi_config(name)
    resize_input(config, (64, 96))
    model = randomise(build_random_model(config, 'cpu'))
    before, folded = norms(model), copy.deepcopy(model)
    assert fold_batch_norms(folded, (96, 64)) == before - norms(folded)
    # what is left are the norms of the objective, which only trains
    left = [
        n for n, m in folded.named_modules()
        if isinstance(m, nn.modules.batchnorm._BatchNorm)
    ]
    assert all('mi_loss' in n for n in left), left
    assert before > len(left)
    frames = torch.randn(2 * clip_length(model), 3, 96, 64)
    with torch.no_grad():
        expected = model(frames, None, mode='tensor')
        found = folded(frames, None, mode='tensor')
    assert expected.std() > 0
    torch.testing.assert_close(
        found, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))


@pytest.mark.parametrize('config', [
    'rivals/synthetic/dcpose_hrnet-light_1xb16-1e_synthetic-96x64.py',
    'rivals/synthetic/fami-pose_hrnet-light_1xb16-1e_synthetic-96x64.py',
    'tdmi/synthetic/tdmi_res18_1xb16-1e_synthetic-96x64.py'
])
def test_other_models(repository, config):
    init_default_scope('mmpose')
    config = Config.fromfile(repository / 'configs' / config)
    # random alignments enlarge rounding errors without bounds
    model = randomise(build_random_model(config, 'cpu')).double()
    folded = copy.deepcopy(model)
    assert fold_batch_norms(folded, (96, 64)) > 10
    frames = torch.randn(2 * clip_length(model), 3, 96, 64).double()
    with torch.no_grad():
        expected = model(frames, None, mode='tensor')
        found = folded(frames, None, mode='tensor')
    torch.testing.assert_close(
        found, expected, rtol=1e-6, atol=1e-6 * float(expected.abs().max()))


class Odd(nn.Module):
    """Children in an order that is not that of the data, and a fork."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 4, 1, bias=False)
        self.second = nn.ConvTranspose2d(4, 4, 3, bias=False)
        self.norm_of_first = nn.BatchNorm2d(4)
        self.norm_of_second = nn.BatchNorm2d(4)
        self.forked = nn.Conv2d(4, 4, 1)
        self.norm_of_forked = nn.BatchNorm2d(4)
        self.shared = nn.Conv2d(4, 4, 1)
        self.norms_of_shared = nn.ModuleList(
            [nn.BatchNorm2d(4), nn.BatchNorm2d(4)])
        self.norm_of_a_sum = nn.BatchNorm2d(4)

    def forward(self, x, data_samples=None, mode='tensor'):
        x = self.norm_of_first(self.first(x)).relu()
        x = self.norm_of_second(self.second(x)).relu()
        y = self.forked(x)
        x = self.norm_of_forked(y) + y
        x = sum(norm(self.shared(x)) for norm in self.norms_of_shared)
        return self.norm_of_a_sum(x)


def test_only_what_the_data_allows_is_folded():
    model = randomise(Odd())
    folded = copy.deepcopy(model)
    assert fold_batch_norms(folded, (6, 5)) == 2
    assert isinstance(folded.norm_of_first, nn.Identity)
    assert isinstance(folded.norm_of_second, nn.Identity)
    x = torch.randn(2, 3, 6, 5)
    with torch.no_grad():
        torch.testing.assert_close(folded(x), model(x))


def test_a_model_in_training_is_refused():
    with pytest.raises(ValueError, match='model.eval'):
        fold_batch_norms(Odd().train(), (6, 5))


def test_any_backend_of_the_deformable_convolution(estimator_config):
    model = MODELS.build(estimator_config()).eval()
    layers = [m for m in model.modules() if isinstance(m, DeformableConv2d)]
    backends = ['torchvision', 'mmcv'] * (len(layers) // 2)
    for layer, backend in zip(layers, backends):
        layer.backend = backend
    assert fold_batch_norms(model, (64, 64)) > 50
    assert [layer.backend for layer in layers] == backends


def test_a_model_that_looks_at_numbers_is_left_alone():

    class Deciding(Odd):

        def forward(self, x, data_samples=None, mode='tensor'):
            x = super().forward(x)
            return x if float(x.sum()) > 0 else -x

    model = Deciding().eval()
    before = norms(model)
    with pytest.warns(UserWarning, match='Deciding are not folded'):
        assert fold_batch_norms(model, (6, 5)) == 0
    assert norms(model) == before
