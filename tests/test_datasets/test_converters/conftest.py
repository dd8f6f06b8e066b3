"""Generated data sets in the official formats, made once and copied."""
import json
import shutil

import pytest

from projects.synthetic.official.writing import write_official_set


@pytest.fixture(scope='session')
def pristine_sets(tmp_path_factory):
    """``pristine_sets(format, **options)``: a set that must not change."""
    made = {}

    def get(format, **options):
        key = (format, *sorted(options.items()))
        if key not in made:
            made[key] = write_official_set(
                tmp_path_factory.mktemp('-'.join(map(str, key[:1]))), format,
                **options)
        return made[key]

    return get


@pytest.fixture
def official_set(pristine_sets, tmp_path):
    """``official_set(format, **options)``: a set of one's own."""

    def get(format, **options):
        root = tmp_path / 'set'
        shutil.copytree(pristine_sets(format, **options), root)
        return root

    return get


@pytest.fixture
def edit_json():
    """``edit_json(path, change)`` applies a change to a file's content."""

    def edit(path, change):
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))

    return edit


@pytest.fixture
def load():
    """``load(path)``: the content of a json file."""
    return lambda path: json.loads(path.read_text())
