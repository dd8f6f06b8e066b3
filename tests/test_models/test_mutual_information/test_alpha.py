import pytest
from mmengine.logging import MessageHub

from mmpose_tdmi.models.mutual_information import AlphaSchedule


@pytest.fixture
def hub():
    hub = MessageHub.get_current_instance()
    kept = {k: hub.get_info(k) for k in ('iter', 'epoch')}
    yield hub
    for key, value in kept.items():
        if value is None:
            hub.runtime_info.pop(key, None)
        else:
            hub.update_info(key, value)


def test_a_number_is_constant(hub):
    schedule = AlphaSchedule(0.25)
    for now in (0, 7, 10**6):
        hub.update_info('iter', now)
        assert schedule.value() == 0.25


@pytest.mark.parametrize('by_epoch', [False, True])
def test_linear_between_begin_and_stop(hub, by_epoch):
    schedule = AlphaSchedule(
        dict(
            type='linear',
            start=0.5,
            end=1.,
            begin=10,
            stop=30,
            by_epoch=by_epoch))
    hub.update_info('iter', 10**6)
    hub.update_info('epoch', 10**6)
    for now, expected in ((0, .5), (10, .5), (15, .625), (30, 1.), (99, 1.)):
        hub.update_info('epoch' if by_epoch else 'iter', now)
        assert schedule.value() == pytest.approx(expected)


@pytest.mark.parametrize('alpha', [
    -1.,
    float('nan'), '1', True,
    dict(type='cosine'),
    dict(start=-1.),
    dict(begin=5, stop=5),
    dict(steps=3)
])
def test_invalid_values_are_refused(alpha):
    with pytest.raises(ValueError, match='alpha'):
        AlphaSchedule(alpha)
