"""Damaging json and XML files in ways that real files are damaged.

A mutation is an operation, places it applies to and a value, all drawn by
hypothesis, so that it can shrink a failing file to few changes. Structured
operations keep the file well-formed and change what it says; those on bytes
mostly break it.

Shape shorthand: none.
"""
import copy
import json
from typing import Any, Callable, Dict, List, NamedTuple, Tuple
from xml.etree import ElementTree

from hypothesis import strategies as st

#: What a value may have become. Not all of it can be written as json.
VALUES: Tuple[Any, ...] = (None, True, False, 0, 1, -1, 2, 17, 10**9, 2**63,
                           -2**63, 10**40, 1e308, -1e308, 1e-320, 0.5, -24.9,
                           float('nan'), float('inf'), '', ' ', 'nan', '0',
                           '-1', '\0', '\ud800', 'é', '..', '../x.jpg',
                           '/etc/passwd', 'a\\b', 'images/x.jpg', 'x' * 5000,
                           [], [[]], [None], [0], [1, 2], [[1, 2], [3]], {}, {
                               'x': 1
                           }, {
                               'point': []
                           }, [{}], [{
                               'name': 'x'
                           }], 'P-1', '1,2,3', '1,2,nan', '00000012.jpg',
                           '000012_crop.jpg')
#: Bytes that are put into a file.
CHUNKS: Tuple[bytes, ...] = (
    b'', b'\x00', b'\xff', b'\xef\xbb\xbf', b'{', b'}', b'[', b']', b'"',
    b'\\', b',', b':', b'<', b'>', b'&', b'NaN', b'-Infinity', b'1e999',
    b'9' * 5000, b'[' * 3000, b'{"a":' * 3000, b'<a>' * 200, b'<!--', b'-->',
    b'<![CDATA[', b'&#0;', b'&a;', b'\\ud800',
    b'<!DOCTYPE a [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]>',
    b'<?xml version="1.0" encoding="utf-7"?>',
    b'<?xml version="1.0" encoding="utf-16"?>')
KEYS = ('id', 'image_id', 'x', 'name', 'file_name', 'keypoints', 'bbox', '',
        'Nose', 'xmin', 'object', 'point')


class Mutation(NamedTuple):
    """One change of a file.

    Attributes:
        operation (str): One of the operations of the file's kind.
        place (float): Where, as a share of all places there are, 0 to 1.
        other (float): A second place, likewise.
        value (int): Which of the values to put there.
    """
    operation: str
    place: float
    other: float
    value: int


def mutations(kind: str) -> st.SearchStrategy[List[Mutation]]:
    """One to four changes of a file.

    Args:
        kind (str): 'json' or 'xml'.

    Returns:
        SearchStrategy: Draws lists of mutations.
    """
    share = st.floats(0, 1, exclude_max=True, width=32)
    return st.lists(
        st.builds(Mutation, st.sampled_from(_OPERATIONS[kind]), share, share,
                  st.integers(0, 10**4)),
        min_size=1,
        max_size=4)


def mutate(data: bytes, kind: str, changes: List[Mutation]) -> bytes:
    """Apply changes to a file's content.

    Args:
        data (bytes): A well-formed file.
        kind (str): 'json' or 'xml'.
        changes (list[Mutation]): The changes; those of the structure are
            applied first.

    Returns:
        bytes: The damaged file.
    """
    structured = [c for c in changes if c.operation not in _ON_BYTES]
    if structured:
        data = (_mutate_json if kind == 'json' else _mutate_xml)(data,
                                                                 structured)
    for change in changes:
        if change.operation in _ON_BYTES:
            data = _ON_BYTES[change.operation](data, change)
    return data


# Bytes


def _span(data: bytes, change: Mutation) -> Tuple[int, int]:
    start = int(change.place * len(data))
    return start, start + 1 + int(change.other**4 * (len(data) - start))


def _overwrite(data: bytes, change: Mutation) -> bytes:
    start, end = _span(data, change)
    chunk = CHUNKS[change.value % len(CHUNKS)]
    return data[:start] + chunk + data[end:]


def _insert(data: bytes, change: Mutation) -> bytes:
    start, _ = _span(data, change)
    chunk = CHUNKS[change.value % len(CHUNKS)]
    return data[:start] + chunk + data[start:]


def _truncate(data: bytes, change: Mutation) -> bytes:
    return data[:_span(data, change)[0]]


def _repeat(data: bytes, change: Mutation) -> bytes:
    start, end = _span(data, change)
    return data[:end] + data[start:]


def _flip(data: bytes, change: Mutation) -> bytes:
    start, _ = _span(data, change)
    if not data:
        return data
    return (data[:start] + bytes([data[start] ^ 1 << change.value % 8]) +
            data[start + 1:])


_ON_BYTES: Dict[str, Callable[[bytes, Mutation], bytes]] = dict(
    overwrite=_overwrite,
    insert=_insert,
    truncate=_truncate,
    repeat=_repeat,
    flip=_flip)

# Json


def _mutate_json(data: bytes, changes: List[Mutation]) -> bytes:
    content = [json.loads(data)]  # so that the content too has a parent
    for change in changes:
        places = list(_json_places(content))
        parent, key = places[int(change.place * len(places))]
        value = copy.deepcopy(VALUES[change.value % len(VALUES)])
        if change.operation == 'replace':
            parent[key] = value
        elif change.operation == 'scale':
            if isinstance(parent[key], (int, float)):
                parent[key] *= (-1, 0, 1e6, 1e-6, 1e300)[change.value % 5]
        elif change.operation == 'swap':
            other, at = places[int(change.other * len(places))]
            parent[key], other[at] = (copy.deepcopy(other[at]),
                                      copy.deepcopy(parent[key]))
        elif change.operation == 'wrap':
            parent[key] = [parent[key]]
        elif change.operation == 'delete' and parent is not content:
            del parent[key]
        elif change.operation == 'double' and isinstance(parent, list):
            parent.insert(key, copy.deepcopy(parent[key]))
        elif change.operation == 'rename' and isinstance(parent, dict):
            parent[KEYS[change.value % len(KEYS)]] = parent.pop(key)
    return json.dumps(content[0]).encode()


def _json_places(value: Any) -> Any:
    """Parent and key of every value, parents first."""
    keys = value if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], (dict, list)):
            yield from _json_places(value[key])


# XML


def _mutate_xml(data: bytes, changes: List[Mutation]) -> bytes:
    root = ElementTree.fromstring(data)
    for change in changes:
        parents = [(parent, index) for parent in root.iter()
                   for index in range(len(parent))]
        if not parents:
            break
        parent, index = parents[int(change.place * len(parents))]
        element = parent[index]
        if change.operation == 'replace':
            text = str(VALUES[change.value % len(VALUES)])
            element.text = ''.join(c for c in text if c.isprintable())
        elif change.operation == 'swap':
            other, at = parents[int(change.other * len(parents))]
            element.text, other[at].text = other[at].text, element.text
        elif change.operation == 'wrap':
            inner = copy.deepcopy(element)
            element.clear()
            element.append(inner)
        elif change.operation == 'delete':
            parent.remove(element)
        elif change.operation == 'double':
            parent.insert(index, copy.deepcopy(element))
        elif change.operation == 'rename':
            element.tag = KEYS[change.value % len(KEYS)] or 'x'
        elif change.operation == 'scale':
            text = (element.text or '') * (change.value % 3 * 200)
            element.text = text[:10**5]
    return ElementTree.tostring(root)


_STRUCTURED = ('replace', 'replace', 'replace', 'scale', 'swap', 'wrap',
               'delete', 'double', 'rename')
_OPERATIONS: Dict[str, Tuple[str, ...]] = dict.fromkeys(
    ('json', 'xml'), (*_STRUCTURED, *_ON_BYTES))
