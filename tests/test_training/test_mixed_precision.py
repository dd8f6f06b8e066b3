"""Half precision: the objective's terms stay finite, and the model learns."""
from contextlib import nullcontext

import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmpose.registry import DATASETS, MODELS

GRAD_SCALER = getattr(getattr(torch, 'amp', None), 'GradScaler', None)


@pytest.fixture(scope='module')
def batch(small_config, tmp_path_factory):
    init_default_scope('mmpose')
    cfg = small_config(tmp_path_factory.mktemp('precision'))
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    return pseudo_collate([dataset[i] for i in range(2)])


def build(small_config, tmp_path, estimator):
    init_default_scope('mmpose')
    cfg = small_config(tmp_path)
    cfg.model.head.mi_loss = dict(
        type='MutualInformationLoss', estimator=estimator, alpha=0.1)
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    model.init_weights()
    return model.train()


def losses_of(model, batch, context):
    data = model.data_preprocessor(batch, training=True)
    with context:
        losses = model(**data, mode='loss')
    return losses, model.parse_losses(losses)[0]


@pytest.mark.parametrize('estimator', ['vsd', 'released'])
@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16], ids=str)
def test_training_in_half_precision(small_config, tmp_path, batch, estimator,
                                    dtype, cpu_autocast):
    if dtype == torch.float16 and GRAD_SCALER is None:
        pytest.skip(f'torch {torch.__version__} computes no float16 on CPUs '
                    '(2.3 does)')
    model = build(small_config, tmp_path, estimator)
    with torch.no_grad():
        whole, _ = losses_of(model, batch, nullcontext())
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    # bfloat16 has float32's range: nothing to scale; a dynamic scale for
    # float16 comes down to about this one
    scaler = None
    if dtype == torch.float16:
        scaler = GRAD_SCALER('cpu', init_scale=2.**6)
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    for step in range(2):
        losses, loss = losses_of(model, batch, cpu_autocast(dtype))
        terms = {
            name: float(value.detach())
            for name, value in losses.items()
            if name.startswith(('mi_', 'loss_mi_', 'loss_probe_'))
        }
        assert len(terms) > 6
        for name, value in losses.items():
            assert torch.isfinite(torch.as_tensor(value)).all(), name
            if step == 0 and name in terms:
                # what is estimated is what float32 estimates
                assert terms[name] == pytest.approx(
                    float(whole[name]), rel=0.1, abs=0.02), name
        optimizer.zero_grad()
        if scaler is None:
            loss.backward()
            optimizer.step()
        else:
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
    for name, parameter in model.named_parameters():
        assert torch.isfinite(parameter).all(), name
    changed = {
        name.split('.')[0]
        for name, p in model.named_parameters()
        if not torch.equal(p.detach(), before[name])
    }
    assert changed == {'backbone', 'neck', 'head'}
    if scaler is not None:  # no step was left out
        assert scaler.get_scale() == 2.**6
