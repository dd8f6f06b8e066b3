import pytest
from mmpose.registry import MODELS

from mmpose_tdmi.models.cost import config_cost, count_model, find_configs


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
    return names['main']


def test_a_row_is_the_models_count(folder, estimator_config):
    cost = config_cost(folder / 'tdmi.py')
    counts = {
        x.name: x
        for x in count_model(MODELS.build(estimator_config()), (64, 64), 5)
    }
    assert (cost.name, cost.num_frames, cost.shape) == ('tdmi', 5, (64, 64))
    assert cost.params == counts[''].params
    assert cost.macs == counts[''].macs
    assert cost.own_params == counts['neck'].params + counts['head'].params
    assert cost.own_macs == counts['neck'].macs + counts['head'].macs


def test_a_single_frame(folder):
    cost = config_cost(folder / 'single.py', shape=(32, 64))
    assert (cost.num_frames, cost.shape) == (1, (32, 64))
    assert cost.own_params == 8 * 17 + 17
    assert cost.own_macs == 8 * 17 * 8 * 16


def test_overrides(folder):
    plain = config_cost(folder / 'tdmi.py')
    other = config_cost(folder / 'tdmi.py', {'model.neck.modulation': None})
    assert other.own_params < plain.own_params
    assert other.params - other.own_params == plain.params - plain.own_params


def test_find_configs(folder):
    assert [x.name for x in find_configs([folder])] == ['single.py', 'tdmi.py']
    assert find_configs([folder / 'tdmi.py']) == [folder / 'tdmi.py']
    with pytest.raises(FileNotFoundError, match='no such config'):
        find_configs([folder / 'other.py'])
    (folder / 'empty').mkdir()
    with pytest.raises(FileNotFoundError, match='no config .* in folder'):
        find_configs([folder / 'empty'])


def test_command(folder, command, capsys):
    command(['--table', str(folder)])
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
        command(arguments)
