"""Reading ``annolist`` json, MATLAB structures as PoseTrack17 and HiEve write.

Every scalar is a list of one. A frame is ``image[0].name`` and its persons
``annorect``; a person has a box ``x1`` ... ``y2``, ``track_id`` and
``annopoints[0].point``, a list of ``{id, x, y}``, from which absent joints are
left out.

Shape shorthand: V joints of the official layout, N points of a person.
"""
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

from .reading import MAX_COORDINATE, Record


def scalar(record: Record, field: str) -> Record:
    """The value of a field that is a list of one."""
    return record[field].single()


def corner_box(rect: Record) -> List[float]:
    """A person's box.

    Returns:
        list[float]: x, y, width, height, from ``x1`` ... ``y2``.
    """
    x1, y1, x2, y2 = (
        scalar(rect, field).number() for field in ('x1', 'y1', 'x2', 'y2'))
    return [x1, y1, x2 - x1, y2 - y1]


def points(rect: Record) -> Optional[Record]:
    """The list of a person's points, None if the file gives none."""
    found = rect.get('annopoints')
    if found is None or found.list() in ([], [{}], [None]):
        return None
    return found.single()['point']


def read_points(rect: Record, num_joints: int) -> np.ndarray:
    """A person's joints.

    Args:
        rect (Record): The person.
        num_joints (int): V.

    Returns:
        np.ndarray: (V, 3), x, y and v: 2 visible, 1 hidden or not told,
        0 (with x = y = 0) absent.

    Raises:
        ValueError: If an id is not in 0 ... V - 1 or occurs twice, or a
            value is no number.
    """
    joints = np.zeros((num_joints, 3))
    given = points(rect)
    if given is None or not given.list():
        return joints
    values = _plain_points(given.value, num_joints)
    if values is None:
        values = _named_points(given, num_joints)
    joints[values[:, 0].astype(int)] = values[:, 1:]
    return joints


def _plain_points(given: Sequence[Any],
                  num_joints: int) -> Optional[np.ndarray]:
    """(N, 4) of id, x, y, v if all is as usual, else None: it is quick."""
    rows = []
    try:
        for point in given:
            (number, ), (x, ), (y, ) = point['id'], point['x'], point['y']
            if not {type(number), type(x), type(y)} <= {int, float}:
                return None
            visible = point.get('is_visible')
            if visible is None:
                rows.append((number, x, y, 1))
                continue
            (visible, ) = visible
            if visible not in (0, 1):
                return None
            rows.append((number, x, y, 2 if visible else 1))
        values = np.array(rows, dtype=float)
    except (TypeError, KeyError, ValueError, AttributeError, OverflowError):
        return None
    ids = values[:, 0].tolist()
    if (not (np.abs(values) <= MAX_COORDINATE).all()
            or not set(ids) <= set(range(num_joints))
            or len(set(ids)) != len(ids)):
        return None
    return values


def _named_points(given: Record, num_joints: int) -> np.ndarray:
    """The same, point by point: raises where something is wrong."""
    rows: Dict[int, Tuple[float, ...]] = {}
    for point in given:
        number = scalar(point, 'id').integer(0, num_joints)
        if number in rows:
            raise ValueError(f'{point.where}.id is {number}, which an earlier '
                             'point of that person has')
        visible = point.get('is_visible')
        if visible is None or visible.value in ([], None):
            flag = 1
        else:
            flag = 2 if visible.single().flag() else 1
        rows[number] = (number, scalar(point, 'x').number(),
                        scalar(point, 'y').number(), flag)
    return np.array(list(rows.values()), dtype=float)
