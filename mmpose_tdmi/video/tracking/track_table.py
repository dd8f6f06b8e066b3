"""The persons that a tracker remembers, and who of them gets what.

Shape shorthand: A tracks, N persons of a frame.
"""
from dataclasses import dataclass
from typing import Callable, Generic, List, Optional, Tuple, TypeVar

import numpy as np

from .association import assign


@dataclass(eq=False)
class Track:
    """A person who is remembered.

    Args:
        track_id (int): Who it is.
        last_index (int): The frame in which the person was last seen.
    """
    track_id: int
    last_index: int


AnyTrack = TypeVar('AnyTrack', bound=Track)
#: ``similarity(tracks)`` -> how much alike these and the frame's persons are,
#: (A, N), and which pairs may be made, (A, N) bool.
Similarity = Callable[[List[AnyTrack]], Tuple[np.ndarray, np.ndarray]]


class TrackTable(Generic[AnyTrack]):
    """Tracks in the order of their ids.

    Args:
        max_age (int): Frames for which a person who is not seen is
            remembered.

    Attributes:
        tracks (list[Track]): The tracks.
        next_id (int): The id that the next person gets.
        last_index (int, optional): The last frame that persons were looked
            for in.

    Raises:
        ValueError: If ``max_age`` is below 1.
    """

    def __init__(self, max_age: int) -> None:
        if max_age < 1:
            raise ValueError(f'max_age must be at least 1, got {max_age}')
        self.max_age = max_age
        self.reset()

    def reset(self) -> None:
        """Forget everybody."""
        self.tracks: List[AnyTrack] = []
        self.next_id = 0
        self.last_index: Optional[int] = None

    @property
    def seen(self) -> List[AnyTrack]:
        """list[Track]: Those of the last frame."""
        return [t for t in self.tracks if t.last_index == self.last_index]

    def add(self, track: AnyTrack) -> AnyTrack:
        """Remember somebody who has :attr:`next_id`."""
        self.tracks.append(track)
        self.next_id += 1
        return track

    def owners(self, frame_index: int, num_persons: int,
               similarity: Similarity) -> List[Optional[AnyTrack]]:
        """Whose track each person of a frame continues.

        Those who were seen in the last frame choose first, then those who
        were lost before.

        Args:
            frame_index (int): The frame.
            num_persons (int): N.
            similarity (Callable): How much alike they are.

        Returns:
            list[Track | None]: N tracks, None for who is new.
        """
        seen = self.seen
        self.tracks = [
            t for t in self.tracks
            if frame_index - t.last_index <= self.max_age
        ]
        self.last_index = frame_index
        owners: List[Optional[AnyTrack]] = [None] * num_persons
        for tracks in ([t for t in self.tracks if t in seen],
                       [t for t in self.tracks if t not in seen]):
            if not tracks or None not in owners:
                continue
            values, allowed = similarity(tracks)
            free = np.array([owner is None for owner in owners])
            for row, column in zip(*assign(values, allowed & free)):
                owners[column] = tracks[row]
        return owners
