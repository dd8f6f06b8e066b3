"""Names of models in place of paths, as ``MMPoseInferencer`` takes them.

A name is a model's in the index of an OpenMMLab package (``model-index.yml``)
or an alias there, such as ``'vitpose-b'``, in any case. Detectors go by the
kind of their poses as well, ``'human'``, ``'hand'``: MMPose's own choice.
"""
import difflib
from functools import lru_cache
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional

from mmengine.config import Config
from mmengine.infer import BaseInferencer
from mmpose.apis.inferencers.utils import default_det_models
from mmpose.registry import DATASETS

from mmpose_tdmi import stack

#: The pose model, and the kind of detector, where none is given.
DEFAULT = 'human'


class IndexedModel(NamedTuple):
    """A config's path, the address of its weights, and which of a detector's
    classes are looked for, by index; as far as it is known."""
    config: str
    weights: Optional[str] = None
    cat_ids: Optional[List[int]] = None


@lru_cache(maxsize=None)
def read_index(scope: str) -> Dict[str, IndexedModel]:
    """The models of a package, ``'mmpose'`` or ``'mmdet'``, by name and alias
    in lower case; of several that are called the same, the first."""
    if scope == 'mmdet':
        stack.require_mmdet()
    found: Dict[str, IndexedModel] = {}
    folder = BaseInferencer._get_repo_or_mim_dir(scope)
    for entry in BaseInferencer._get_models_from_metafile(folder):
        weights, *_ = _listed(entry.get('Weights')) or [None]
        model = IndexedModel(str(Path(folder, entry['Config'])), weights)
        for name in [entry['Name'], *_listed(entry.get('Alias'))]:
            found.setdefault(name.lower(), model)
    if scope == 'mmdet':
        for kind, default in default_det_models.items():
            # by its path, or by a name of the index
            known = found.get(default['model'], IndexedModel(default['model']))
            found[kind] = known._replace(
                weights=default['weights'] or known.weights,
                cat_ids=list(default['cat_ids']))
    return found


def _listed(value: Any) -> List[str]:
    return [value] if isinstance(value, str) else list(value or [])


def look_up(model: Any, scope: str) -> Optional[IndexedModel]:
    """What a package's index says of a model; None if it has no such name, or
    if it is no name."""
    name = '' if isinstance(model, Config) else str(model)
    if Path(name).is_file() or '/' in name or name.endswith('.py'):
        return None
    return read_index(scope).get(name.lower())


def nearest(name: str, scope: str) -> str:
    """The names of an index that are most like one, for a message."""
    if '/' in name or name.endswith('.py'):
        return ''
    names, name = read_index(scope), name.lower()
    found = sorted((n for n in names if name in n), key=len)[:4]
    found = found or difflib.get_close_matches(name, names, 4, .5)
    return f'; names like it: {", ".join(found)}' if found else ''


def default_detector(config: Config) -> Optional[str]:
    """The kind of detector for a model's poses: by the folder of its data
    set's class, as for ``MMPoseInferencer``; None if there is none."""
    dataset = config.get('dataset_type')
    found = DATASETS.get(dataset) if isinstance(dataset, str) else None
    module = getattr(found, '__module__', '').split('datasets.')[-1]
    kind = module.split('.')[0].lower()
    return kind if kind in default_det_models else None
