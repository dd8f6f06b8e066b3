"""The model index: every config once, no figure without its origin."""
from collections import Counter

import pytest
import yaml
from mim.commands.search import convert2df
from modelindex.load_model_index import load

#: What a metric's name must say.
ORIGINS = (' reported by the paper', ' measured on generated clips')


@pytest.fixture(scope='module')
def models(repository):
    index = yaml.safe_load((repository / 'model-index.yml').read_text())
    files = [repository / name for name in index['Import']]
    found = set(repository.glob('configs/**/metafile.yml'))
    assert set(files) == found
    return [
        model for file in files
        for model in yaml.safe_load(file.read_text())['Models']
    ]


def test_every_config_is_listed_once(models, repository):
    listed = Counter(model['Config'] for model in models)
    configs = {
        path.relative_to(repository).as_posix()
        for path in repository.glob('configs/**/*.py')
        if path.relative_to(repository).parts[1] not in ('_base_', 'benchmark')
    }
    assert set(listed) == configs
    assert set(listed.values()) == {1}


def test_names_are_those_of_the_files(models):
    for model in models:
        assert model['Config'].rsplit('/')[-1] == model['Name'] + '.py'
        # mim looks for lower-case names only
        assert model['Name'] == model['Name'].lower()


def test_figures_say_where_they_come_from(models):
    metrics = [
        name for model in models for result in model.get('Results', ())
        for name in result['Metrics']
    ]
    assert metrics and all(name.endswith(ORIGINS) for name in metrics)
    # the paper has no figures for the authors' own variants
    released = [m for m in models if m['Name'].endswith('_released')]
    assert released and not any('Results' in model for model in released)


def test_means_agree_with_the_joints(models):
    """Typing errors in the tables: a mean lies among its joints."""
    for model in models:
        for result in model.get('Results', ()):
            figures = result['Metrics']
            joints = [
                value for name, value in figures.items() if ' AP ' in name
                and not name.startswith('Mean') and '@' not in name
            ]
            if joints:
                mean = figures['Mean AP reported by the paper']
                assert min(joints) < mean < max(joints)


def test_mim_can_read_it(repository):
    table = convert2df(load(str(repository / 'model-index.yml')))
    row = table.loc['tdmi-st_hrnet-w48_2xb24-20e_posetrack17-384x288']
    assert row['posetrack17/mean_ap_reported_by_the_paper'] == 85.9
    assert row['model'] == 'tdmi'
    assert 'weight' not in table.columns
