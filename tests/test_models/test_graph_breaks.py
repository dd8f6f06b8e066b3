"""The model stays one graph for torch.compile."""
import pytest
import torch
from mmengine.config import Config
from mmengine.utils import digit_version
from mmpose.registry import MODELS

pytestmark = pytest.mark.skipif(
    digit_version(torch.__version__) < digit_version('2.4'),
    reason=f'the compiler of torch {torch.__version__} breaks graphs at '
    'Python that later ones take in')


@pytest.fixture(autouse=True)
def _fresh_compiler():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def small_tdmi(repository, name):
    config = Config.fromfile(repository / f'configs/tdmi/synthetic/{name}.py')
    config.model.pop('init_cfg', None)
    return MODELS.build(config.model).eval()


def test_the_whole_small_model_is_one_graph(repository):
    model = small_tdmi(repository, 'tdmi_hrnet-light_1xb16-1e_synthetic-96x64')
    with torch.no_grad():
        found = torch._dynamo.explain(model._forward)(
            torch.randn(5, 3, 64, 64))
    assert (found.graph_count, found.graph_break_count) == (1, 0), [
        reason.reason for reason in found.break_reasons
    ]


@pytest.mark.parametrize('with_grad', [False, True])
@pytest.mark.parametrize('visual', ['key_frame', 'spatiotemporal'])
def test_neck_and_head_are_one_graph(estimator_config, visual, with_grad):
    config = estimator_config(
        head=dict(
            visual=visual,
            **(dict(spatiotemporal=dict(
                groups=2)) if visual == 'spatiotemporal' else {})))
    model = MODELS.build(config).eval()

    def window_phase(*maps):
        return model.head.forward(model.neck(maps))

    maps = [
        torch.randn(5, 8, 16, 16).contiguous(memory_format=torch.channels_last)
        for _ in range(4)
    ]
    with torch.set_grad_enabled(with_grad):
        # refuses any break
        compiled = torch.compile(
            window_phase, backend='eager', fullgraph=True)(*maps)
        expected = window_phase(*maps)
    torch.testing.assert_close(compiled, expected, atol=1e-5, rtol=1e-4)
