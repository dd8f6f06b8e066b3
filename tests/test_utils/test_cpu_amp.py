"""``--amp`` on the training tool's command line."""
import pytest

from mmpose_tdmi.engine import optim_wrappers as cpu_amp

OPTION = 'optim_wrapper.type=CpuAmpOptimWrapper'


@pytest.fixture
def no_accelerator(monkeypatch):
    monkeypatch.setattr(cpu_amp, 'get_device', lambda: 'cpu')


def test_the_wrapper_is_named_after_the_host_chose_its_own(no_accelerator):
    assert cpu_amp.cpu_amp_arguments(
        ['train.py', 'c.py',
         '--amp']) == ['train.py', 'c.py', '--amp', '--cfg-options', OPTION]


def test_options_given_stay(no_accelerator):
    given = ['train.py', 'c.py', '--amp', '--cfg-options', 'a=1', 'b=2']
    assert cpu_amp.cpu_amp_arguments(given) == [*given[:4], OPTION, *given[4:]]


def test_nothing_changes_without_amp_or_with_an_accelerator(monkeypatch):
    monkeypatch.setattr(cpu_amp, 'get_device', lambda: 'cuda')
    assert cpu_amp.cpu_amp_arguments(['t', '--amp']) == ['t', '--amp']
    monkeypatch.setattr(cpu_amp, 'get_device', lambda: 'cpu')
    assert cpu_amp.cpu_amp_arguments(['t', '--resume']) == ['t', '--resume']
