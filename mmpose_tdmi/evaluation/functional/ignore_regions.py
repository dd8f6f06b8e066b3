"""Ignore regions: polygons in which nothing is scored.

Shape shorthand: N annotated and M predicted persons of a video, J joints, C
corners of a polygon.
"""
import warnings
from itertools import chain
from typing import Any, Callable, List, Sequence, Tuple

import numpy as np
import shapely

from .json_fields import number_table, shorten
from .pose_sequences import (AnnotatedSequence, PredictedSequence, Sequence_,
                             runs)


def regions_as_polygons(
        regions: Sequence[Sequence[Tuple[Any, Any]]],
        describe: Callable[[int], str]) -> List[List[np.ndarray]]:
    """Ignore regions as polygons.

    poseval fails on regions of one or two points; here they are no region,
    with a warning.

    Args:
        regions (Sequence): Each frame's regions: a list with the x of its
            corners and one with the y.
        describe (Callable[[int], str]): Names the file and a frame.

    Returns:
        list[list[np.ndarray]]: Each frame's polygons of at least three
        corners, (C, 2) each.

    Raises:
        ValueError: If x and y are not lists of equally many numbers.
    """
    for i, frame in enumerate(regions):
        for x, y in frame:
            if not (isinstance(x, list) and isinstance(y, list)
                    and len(x) == len(y)):
                raise ValueError(
                    f'{describe(i)}: an ignore region has x = {shorten(x)} '
                    f'but y = {shorten(y)}; expected two lists of equal '
                    'length')
    corners = _corners(regions, describe)
    result: List[List[np.ndarray]] = []
    start = 0
    for i, frame in enumerate(regions):
        kept = []
        for x, _ in frame:
            region = corners[start:start + len(x)]
            start += len(x)
            if len(x) > 3 or (len(x) == 3 and (region[0] != region[2]).any()):
                kept.append(region)
            else:
                warnings.warn(f'{describe(i)}: an ignore region of {len(x)} '
                              'point(s) is no polygon; it is left out')
        result.append(kept)
    return result


def _corners(regions: Sequence[Sequence[Tuple[list, list]]],
             describe: Callable[[int], str]) -> np.ndarray:
    """The corners of all regions, one after the other, (sum of C, 2)."""
    pairs = list(chain.from_iterable(regions))
    columns = [
        list(chain.from_iterable(pair[axis] for pair in pairs))
        for axis in (0, 1)
    ]
    try:
        return number_table(columns, len(columns[0]), lambda i: '', '').T
    except ValueError:
        for i, frame in enumerate(regions):
            for pair in frame:
                number_table(pair, len(pair[0]), lambda _: describe(i),
                             'ignore region')
        raise


def drop_ignored(
    annotated: AnnotatedSequence, predicted: PredictedSequence
) -> Tuple[AnnotatedSequence, PredictedSequence]:
    """Drop joints inside ignore regions, and the persons left without any.

    A person without joints goes only from frames that have regions, on
    either side; in other frames such a person stays (as in poseval).

    Args:
        annotated (AnnotatedSequence): A video.
        predicted (PredictedSequence): Predictions in the same frames.

    Returns:
        tuple[AnnotatedSequence, PredictedSequence]: Both without them.
    """
    counts = [len(regions) for regions in annotated.ignore_regions]
    if not any(counts):
        return annotated, predicted
    corners = [c for regions in annotated.ignore_regions for c in regions]
    polygons = shapely.polygons(
        shapely.linearrings(
            np.concatenate(corners),
            indices=np.repeat(
                np.arange(len(corners)), [len(c) for c in corners])))
    shapely.prepare(polygons)
    return (_outside(annotated, polygons, np.array(counts)),
            _outside(predicted, polygons, np.array(counts)))


def _outside(sequence: Sequence_, polygons: np.ndarray,
             counts: np.ndarray) -> Sequence_:
    """Drop what lies strictly inside the polygons of its frame."""
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    num_polygons = counts[sequence.frame_index]
    # every pair of a person and a polygon of the person's frame
    person, number = runs(num_polygons)
    polygon = starts[sequence.frame_index[person]] + number
    low_x, low_y, high_x, high_y = shapely.bounds(polygons).T[:, polygon, None]
    x, y = np.moveaxis(sequence.keypoints[person], -1, 0)
    near = (x > low_x) & (x < high_x) & (y > low_y) & (y < high_y)
    near &= sequence.present[person]
    pair, joint = np.nonzero(near)
    # contains: points on the border are not inside
    inside = shapely.contains_xy(polygons[polygon[pair]], x[pair, joint],
                                 y[pair, joint])
    present = sequence.present.copy()
    present[person[pair[inside]], joint[inside]] = False
    keep = present.any(axis=1) | (num_polygons == 0)
    return sequence.replace(present=present).select_persons(keep)
