"""The names that the documented packages give."""
import importlib
import inspect
import re
from pathlib import Path
from typing import Dict, List

#: Packages that give names of the documented ones, or have no page there.
FURTHER = tuple(f'mmpose_tdmi.{name}'
                for name in ('engine', 'evaluation', 'models', 'video',
                             'visualization'))

#: What went, or left the package.
UNPINNED = {
    'ByteTracker', 'FeatureStore', 'GaussianSmoother', 'HIEVE_ASSIGNMENTS',
    'HiEveFrameWeights', 'HiEveHeadSize', 'Idf1Counter', 'Idf1Result',
    'LoadStoredFeatures', 'StoredFeatureBackbone', 'StoredFeatureDataset',
    'assign_persons', 'weighted_average_precision'
}


def documented_modules() -> List[str]:
    """The modules whose reference the documentation holds."""
    page = Path(__file__).resolve().parents[2] / 'docs' / 'api.md'
    return sorted(re.findall(r'automodule:: (\S+)', page.read_text()))


def public_names(name: str) -> List[str]:
    """A module's ``__all__``; without one, what of this package it holds."""
    module = importlib.import_module(name)
    names = getattr(module, '__all__', None)
    if names is None:
        names = [
            key for key, value in vars(module).items()
            if not key.startswith('_')
            and not inspect.ismodule(value) and getattr(
                value, '__module__', 'mmpose_tdmi.').startswith('mmpose_tdmi.')
        ]
    return sorted(set(names) - UNPINNED)


def imports() -> Dict[str, List[str]]:
    """The public names by module."""
    return {
        name: public_names(name)
        for name in sorted({*documented_modules(), *FURTHER})
    }


PINS = dict(imports=imports)


def test_documented_modules(expected):
    assert set(documented_modules()) == set(expected('imports')) - set(FURTHER)


def test_names(expected):
    assert imports() == expected('imports')


def test_names_are_there(expected):
    for module, names in expected('imports').items():
        found = importlib.import_module(module)
        missing = [name for name in names if not hasattr(found, name)]
        assert not missing, module
