"""The recipes of images and of CI run README's commands."""
import re

import pytest
import yaml


def targets(repository):
    makefile = (repository / 'Makefile').read_text()
    return set(re.findall(r'^(\w+):', makefile, re.M))


@pytest.mark.parametrize('name', ['Dockerfile', 'Dockerfile.cuda'])
def test_images(name, repository):
    text = (repository / 'docker' / name).read_text()
    lines = text.replace('\\\n', ' ').splitlines()
    steps = [line.split(None, 1) for line in lines if line[:1].isupper()]
    order = [word for word, _ in steps]
    made = dict(steps)
    # not as root, neither the set-up nor what the container runs
    assert made['USER'] == '1000'
    assert order.index('USER') < order.index('COPY')
    assert steps[-2] == ['RUN', 'make setup']
    assert steps[-1] == ['CMD', '["make", "test"]']
    assert {'setup', 'test'} <= targets(repository)
    # a compiler, and what OpenCV loads
    for package in ('g++', 'libgl1', 'libglib2.0-0', 'make'):
        assert re.search(rf'\s{re.escape(package)}\s', text), package
    assert ('TORCH_INDEX_URL' in text) == (name == 'Dockerfile')
    ignored = (repository / '.dockerignore').read_text().split()
    assert {'.venv', '.git', 'work_dirs'} <= set(ignored)


def test_ci_runs_the_commands_on_all_pythons(repository):
    path = repository / '.github/workflows/ci.yml'
    jobs = yaml.safe_load(path.read_text())['jobs']
    tested = jobs['test']['strategy']['matrix']['python']
    setup = (repository / 'setup.py').read_text()
    assert tested == re.findall(r"'Programming Language :: Python :: ([\d.]+)",
                                setup)
    commands = [
        step['run'] for job in jobs.values() for step in job['steps']
        if 'run' in step
    ]
    assert len(commands) == 2
    for command in commands:
        words = command.split()
        assert words[0] == 'make' and words[1] in targets(repository)
