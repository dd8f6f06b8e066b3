"""How fast annotated joints move.

Shape shorthand: F frames, N annotated persons of a video, J joints.
"""
import numpy as np

from ..functional import NO_TRACK, AnnotatedSequence, head_sizes

#: Frames of a track that are further apart do not tell a speed.
MAX_GAP = 10


def joint_speeds(annotated: AnnotatedSequence,
                 frame_numbers: np.ndarray,
                 max_gap: int = MAX_GAP) -> np.ndarray:
    """Speeds in head sizes per frame, the camera's motion included.

    A joint's speed is the mean of its steps from the labelled frame before
    and to the one after in which the same track has the joint's person, each
    step's length over the frames between and over the mean head size of the
    two.

    Args:
        annotated (AnnotatedSequence): Frames of a video.
        frame_numbers (np.ndarray): The frames' numbers in the video, (F, ).
        max_gap (int): The largest distance of two frames that counts.

    Returns:
        np.ndarray: (N, J), >= 0; NaN for joints without a neighbour.
    """
    rows = np.flatnonzero(annotated.track_ids != NO_TRACK)
    numbers = np.asarray(frame_numbers)[annotated.frame_index]
    rows = rows[np.lexsort((numbers[rows], annotated.track_ids[rows]))]
    before, after = rows[:-1], rows[1:]
    gap = numbers[after] - numbers[before]
    steps = (annotated.track_ids[before]
             == annotated.track_ids[after]) & (gap > 0) & (
                 gap <= max_gap)
    before, after, gap = before[steps], after[steps], gap[steps]

    sizes = head_sizes(annotated.head_boxes)
    mean_size = (sizes[before] + sizes[after]) / 2
    lengths = np.linalg.norm(
        annotated.keypoints[after] - annotated.keypoints[before], axis=-1)
    known = annotated.present[before] & annotated.present[after]
    known &= mean_size[:, None] > 0
    with np.errstate(divide='ignore', invalid='ignore'):
        speeds = np.where(known, lengths / (gap * mean_size)[:, None], 0.)
    total = np.zeros(annotated.present.shape)
    count = np.zeros(annotated.present.shape)
    # a row is at most once at either end of a step
    for ends in (before, after):
        total[ends] += speeds
        count[ends] += known
    with np.errstate(invalid='ignore'):
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)
