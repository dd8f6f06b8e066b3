"""Generated sets in official formats, converted."""
import pytest

from mmpose_tdmi.datasets import converters
from projects.synthetic.official.writing import write_official_set


@pytest.fixture(scope='session')
def official_set(tmp_path_factory):
    """Gives the data root of a converted set by its name."""
    roots = {}

    def convert(name):
        if name not in roots:
            roots[name] = tmp_path_factory.mktemp(name)
            write_official_set(roots[name], name)
            for split in ('train', 'test' if name == 'hieve' else 'val'):
                getattr(converters, f'convert_{name}')(roots[name], split)
        return roots[name]

    return convert
