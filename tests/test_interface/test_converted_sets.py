"""What the converters make of generated sets in the official layouts."""
import functools
import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any, Dict

import pytest

from mmpose_tdmi.datasets.converters import (convert_hieve,
                                             convert_posetrack17,
                                             convert_posetrack18,
                                             convert_posetrack21)
from projects.synthetic import write_official_set

CASES = {
    'posetrack17': (convert_posetrack17, 'posetrack17', {}),
    'posetrack17-renamed':
    (convert_posetrack17, 'posetrack17', dict(naming='renamed')),
    'posetrack18': (convert_posetrack18, 'posetrack18', {}),
    'posetrack21': (convert_posetrack21, 'posetrack21', {}),
    'hieve': (convert_hieve, 'hieve', {}),
    'hieve-xml': (convert_hieve, 'hieve', dict(labels='xml')),
}
#: Of a set's head, what changes from version to version.
VERSIONS = {'generator', 'version', 'date_created'}
#: Of a person, what is read from pixels, which processors draw differently.
FROM_PIXELS = {'occluded', 'occluded_by', 'visible_fraction'}


def normalised(value: Any) -> Any:
    """Without what may differ between equal sets."""
    if isinstance(value, dict):
        return {
            key: normalised(entry)
            for key, entry in value.items() if key not in FROM_PIXELS
        }
    if isinstance(value, list):
        return [normalised(entry) for entry in value]
    return round(value, 6) if isinstance(value, float) else value


def digest(path: Path) -> str:
    """The hash of a set's content, whatever the order of its fields."""
    content = normalised(json.loads(path.read_text()))
    content['info'] = {
        key: value
        for key, value in content['info'].items() if key not in VERSIONS
    }
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def fields(path: Path) -> Dict[str, str]:
    """The fields that a set's records have, those from pixels included."""
    content = json.loads(path.read_text())
    return {
        key:
        ' '.join(sorted({name
                         for entry in content[key]
                         for name in entry}))
        for key in ('videos', 'images', 'annotations', 'categories')
    }


@functools.lru_cache(maxsize=None)
def converted(case: str) -> Dict[str, Any]:
    """What a conversion writes and counts, by split."""
    convert, layout, options = CASES[case]
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        root = write_official_set(Path(folder) / 'set', layout, **options)
        given = {path for path in root.rglob('*') if path.is_file()}
        for split in ('train', 'test' if layout == 'hieve' else 'val'):
            result = convert(root, split)
            found[split] = dict(
                path=result.path.relative_to(root).as_posix(),
                counts=result.counts,
                fields=fields(result.path),
                sha256=digest(result.path))
        new = sorted(
            path.relative_to(root).as_posix() for path in root.rglob('*')
            if path.is_file() and path not in given)
    return dict(splits=found, files=new)


def converted_sets() -> Dict[str, Any]:
    """The conversions by case."""
    return {case: converted(case) for case in CASES}


PINS = dict(converted_sets=converted_sets)


@pytest.mark.parametrize('case', CASES)
def test_conversion(expected, case):
    assert converted(case) == expected('converted_sets')[case]
