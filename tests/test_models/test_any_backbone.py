"""The snippets of docs/backbones.md, as they stand there."""
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from mmcv.transforms import Compose
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmpose.datasets.transforms import GenerateTarget
from mmpose.models.utils.tta import flip_heatmaps
from mmpose.registry import MODELS
from mmpose.testing import get_packed_inputs

import mmpose_tdmi  # noqa: F401
from mmpose_tdmi.models.cost import clip_length

ROOT = Path(__file__).resolve().parents[2]
BASE = ROOT / 'configs' / 'tdmi' / 'posetrack18' / \
    'tdmi_hrnet-w48_2xb24-20e_posetrack18-384x288.py'
OFFSETS = (-2, -1, 0, 1, 2)
SWAPS = (0, ) + tuple(i + (1 if i % 2 else -1) for i in range(1, 17))


def read_section(title):
    """A section of the page: its first snippet, and those of subsections."""
    page = (ROOT / 'docs' / 'backbones.md').read_text(encoding='utf-8')
    text = re.search(rf'^## {title}\n(.*?)(?=^## |\Z)', page,
                     re.DOTALL | re.MULTILINE)[1]
    titled = re.findall(r'^### ([^\n]+)\n.*?^```python\n(.*?)^```', text,
                        re.DOTALL | re.MULTILINE)
    first = re.search(r'^```python\n(.*?)^```', text, re.DOTALL | re.MULTILINE)
    return text, first[1], dict(titled)


def read_pyramids():
    """The snippet of pyramids with each row of its table filled in."""
    text, snippet, _ = read_section('Pyramids')
    rows = re.findall(r'^\| (\w+) \| `(type=.*?)` \| `(\[.*?\])` \|', text,
                      re.MULTILINE)
    _, line, channels = rows[0]
    assert line in snippet and channels in snippet
    return {
        title: snippet.replace(line, its_line).replace(channels, its_channels)
        for title, its_line, its_channels in rows
    }


def read_heads():
    """Heads in variables before the snippet that they share; one is whole."""
    _, shared, heads = read_section('Heads')
    return {
        title: code if 'its_codec' not in code else code + shared
        for title, code in heads.items()
    }


BACKBONES = {**read_pyramids(), **read_section('Other backbones')[2]}
HEADS = read_heads()
REQUIRED = {
    'ResNet', 'ResNeSt', 'SEResNet', 'MultiStageHRNet', 'HRNet', 'LiteHRNet',
    'HRFormer', 'SwinTransformer', 'PyramidVisionTransformer', 'MultiStageViT',
    'MobileNetV2', 'ShuffleNetV2', 'CSPNeXt', 'HourglassNet'
}
# their last convolution gives none of the maps that a pyramid is made of
UNTRAINED = dict(
    MobileNetV2='backbone.conv2', ShuffleNetV2='backbone.layers.3')


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Holds the snippets' base for crops of 32 x 32."""
    codec = dict(
        type='MSRAHeatmap', input_size=(32, 32), heatmap_size=(8, 8), sigma=1.)
    base = Config.fromfile(str(BASE))
    base.codec = codec
    base.model.head.decoder = codec
    base.train_pipeline[-2].encoder = codec
    base.train_dataloader.dataset.pipeline = base.train_pipeline
    base.model.test_cfg.update(shift_heatmap=False, output_heatmaps=True)
    folder = tmp_path_factory.mktemp('snippets')
    base.dump(folder / 'base.py')
    return folder


@pytest.fixture
def config_of(folder):
    """A snippet on its base, as a user puts it, for crops of 32 x 32."""

    def build(code):
        for full, small in (('288, 384', '32, 32'), ('384, 288', '32, 32'),
                            ('72, 96', '8, 8')):
            code = code.replace(full, small)
        path = folder / 'snippet.py'
        path.write_text(f"_base_ = ['base.py']\n\n{code}", encoding='utf-8')
        config = Config.fromfile(str(path))
        # nothing is downloaded
        config.model.backbone.pop('init_cfg', None)
        return config

    return build


def batch(config):
    """A clip as the end of the config's training pipeline packs it."""
    generator = np.random.default_rng(0)
    sample = dict(
        img=list(generator.integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)),
        img_path='0.jpg',
        frame_offsets=OFFSETS,
        keypoints=generator.uniform(4, 28, (1, 17, 2)).astype(np.float32),
        keypoints_visible=np.ones((1, 17), np.float32),
        dataset_keypoint_weights=np.ones(17, np.float32),
        bbox=np.array([[0, 0, 32, 32]], np.float32),
        bbox_score=np.ones(1, np.float32),
        input_center=np.array([16, 16], np.float32),
        input_scale=np.array([32, 32], np.float32),
        input_size=(32, 32),
        flip_indices=list(SWAPS))
    pipeline = config.train_dataloader.dataset.pipeline
    assert pipeline[-2].type == GenerateTarget.__name__
    return pseudo_collate([Compose(pipeline[-2:])(sample)])


def untrained_after_a_step(model, data):
    """Names of trained parameters that a step gave no gradient."""
    model.train()
    before = {k: v.detach().clone() for k, v in model.named_parameters()}
    total, log = model.parse_losses(
        model(**model.data_preprocessor(data, True), mode='loss'))
    assert all(torch.as_tensor(x).isfinite().all() for x in log.values())
    total.backward()
    trained = {k: x for k, x in model.named_parameters() if x.requires_grad}
    torch.optim.SGD(trained.values(), 0.01).step()
    changed = {
        name.split('.')[0]
        for name, x in trained.items() if not torch.equal(x, before[name])
    }
    assert changed == {'backbone', 'neck', 'head'}
    return [name for name, x in trained.items() if x.grad is None]


def predict(model, data, mirrored=False):
    """The sample with the model's prediction for a clip, or its mirror."""
    inputs = [x.flip(-1) if mirrored else x for x in data['inputs']]
    model.eval()
    with torch.no_grad():
        sample, = model.test_step({**data, 'inputs': inputs})
    assert sample.pred_instances.keypoints.shape == (1, 17, 2)
    assert np.isfinite(sample.pred_instances.keypoints).all()
    return sample


def test_the_page_has_the_backbones_that_it_should():
    assert REQUIRED <= {
        name
        for code in BACKBONES.values()
        for name in re.findall(r"type='(\w+)'",
                               code.split('neck=')[0])
    }


@pytest.mark.parametrize('title', BACKBONES)
def test_backbone(config_of, title):
    config = config_of(BACKBONES[title])
    model = MODELS.build(config.model)
    data = batch(config)
    untrained = untrained_after_a_step(model, data)
    if title in UNTRAINED:
        assert untrained and all(
            x.startswith(UNTRAINED[title]) for x in untrained)
    else:
        assert not untrained
    # averaged over a clip and its mirror, left is right in the mirror
    found = predict(model, data).pred_fields.heatmaps
    mirrored = predict(model, data, mirrored=True).pred_fields.heatmaps
    assert found.shape == (17, 8, 8) and found.std() > 0
    torch.testing.assert_close(
        flip_heatmaps(
            mirrored[None], flip_indices=list(SWAPS), shift_heatmap=False)[0],
        found,
        rtol=1e-3,
        atol=1e-4 * found.abs().max().item())


@pytest.mark.parametrize('title', ['ResNet', 'Swin', 'PVT', 'ViT'])
def test_pretrained_weights_are_the_backbones_own_key(config_of, tmp_path,
                                                      title):
    """Swin and PVT of the host load weights in ways of their own."""
    config = config_of(BACKBONES[title]).model.backbone
    trained = {
        name: torch.randn_like(x) if x.is_floating_point() else x
        for name, x in MODELS.build(config).state_dict().items()
    }
    path = tmp_path / 'pose.pth'
    torch.save(
        dict(state_dict={
            f'backbone.{name}': x
            for name, x in trained.items()
        }), path)
    backbone = MODELS.build(
        dict(
            config,
            init_cfg=dict(
                type='Pretrained', checkpoint=str(path), prefix='backbone.')))
    backbone.init_weights()
    for name, x in backbone.state_dict().items():
        assert torch.equal(x, trained[name]), name


@pytest.fixture
def with_light_backbone(config_of, hrnet_extra):

    def build(code):
        config = config_of(code)
        if config.model.backbone.type == 'MultiStageHRNet':
            config.model.backbone.extra = hrnet_extra(48)
        return config

    return build


@pytest.mark.parametrize('title', HEADS)
def test_head(with_light_backbone, title):
    config = with_light_backbone(HEADS[title])
    model = MODELS.build(config.model)
    assert clip_length(model) == 5
    data = batch(config)
    assert not untrained_after_a_step(model, data)
    predict(model, data)
    # the motion counts: other supporting frames, another prediction
    clip = data['inputs'][0]
    still = dict(data, inputs=[clip[2:3].expand_as(clip)])
    with torch.no_grad():
        outputs = [
            model(**model.data_preprocessor(x), mode='tensor')
            for x in (data, still)
        ]
    if isinstance(outputs[0], tuple):
        outputs = [x[0] for x in outputs]
    assert not torch.allclose(*outputs)


def test_a_stock_head_on_the_temporal_neck_reads_the_key_frame(
        with_light_backbone):
    config = with_light_backbone("""
model = dict(head=dict(_delete_=True, type='HeatmapHead', in_channels=48,
    out_channels=17, deconv_out_channels=None, decoder=_base_.codec))""")
    model = MODELS.build(config.model).eval()
    data = batch(config)
    clip = data['inputs'][0]
    other = clip.flip(0)  # the same key frame
    with torch.no_grad():
        found, expected = (
            model(
                **model.data_preprocessor({
                    **data, 'inputs': [x]
                }),
                mode='tensor') for x in (clip, other))
    assert torch.equal(found, expected) and found.std() > 0


def test_a_single_frame_model_on_this_data():
    """Clips of the key frame alone: no neck, everything the host's."""
    config = Config.fromfile(
        str(ROOT / 'configs' / 'ablations' / 'posetrack17' /
            'td-hm_res50_2xb24-20e_posetrack17-384x288.py'))
    for split in ('train', 'val', 'test'):
        assert config[f'{split}_dataloader'].dataset.offsets == (0, )
    assert 'neck' not in config.model
    assert not any(
        isinstance(config.model[part].type, str)
        and 'tdmi' in str(MODELS.get(config.model[part].type))
        for part in ('backbone', 'head'))
    config.model.init_cfg = None
    config.model.backbone.depth = 18
    config.model.head.in_channels = 512
    model = MODELS.build(config.model)
    clips = torch.randint(256, (2, 1, 3, 384, 288), dtype=torch.uint8)
    data = get_packed_inputs(
        2, num_keypoints=17, input_size=(288, 384), heatmap_size=(72, 96))
    data['inputs'] = list(clips)
    samples = model.eval().test_step(data)
    assert len(samples) == 2
    assert samples[0].pred_instances.keypoints.shape == (1, 17, 2)
