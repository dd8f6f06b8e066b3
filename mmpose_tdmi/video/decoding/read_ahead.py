"""Decoding in a thread of its own, a bounded number of frames ahead.

Shape shorthand: none.
"""
import dataclasses
from collections import deque
from threading import Condition, Thread
from typing import Deque, Generator, Iterator, Optional

from .source import DecodedFrame, VideoSource

#: How long a closed reader waits for the frame under way, in seconds.
_PATIENCE = 10.


class ReadAhead:
    """Iterates over a source that a background thread decodes.

    The thread waits where ``max_frames`` frames have not been asked for. Of a
    live source it keeps the newest frame only, and frames are numbered anew.
    What goes wrong in the thread is raised where the frame is asked for.

    Args:
        source (VideoSource): The frames.
        max_frames (int): How many decoded frames may wait. Defaults to 8.

    Raises:
        ValueError: If ``max_frames`` is not positive.
    """

    def __init__(self, source: VideoSource, max_frames: int = 8) -> None:
        if max_frames < 1:
            raise ValueError(
                f'max_frames must be at least 1, got {max_frames}')
        self._source = source
        self._max_frames = max_frames
        self._waiting: Deque[DecodedFrame] = deque()
        self._change = Condition()
        self._is_closed = False
        self._has_ended = False
        self._error: Optional[Exception] = None
        self._thread = Thread(
            target=self._work, name=f'decoding {source.name}', daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[DecodedFrame]:
        """The frames, in order, until the source ends or this is closed."""
        num_given = 0
        while True:
            with self._change:
                self._change.wait_for(lambda: self._waiting or self._has_ended
                                      or self._is_closed)
                if self._is_closed:
                    return
                if not self._waiting:
                    break
                frame = self._waiting.popleft()
                self._change.notify_all()
            if self._source.is_live:
                frame = dataclasses.replace(
                    frame, index=num_given, number=num_given)
            num_given += 1
            yield frame
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Stop decoding; waits for the thread, but not for ever."""
        with self._change:
            self._is_closed = True
            self._waiting.clear()
            self._change.notify_all()
        self._thread.join(_PATIENCE)

    def __enter__(self) -> 'ReadAhead':
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def _work(self) -> None:
        frames = iter(self._source)
        try:
            for frame in frames:
                if not self._put(frame):
                    break
        except Exception as error:  # raised where the frame is asked for
            self._error = error
        finally:
            # what the source has open is closed in the thread that uses it
            if isinstance(frames, Generator):
                frames.close()
            with self._change:
                self._has_ended = True
                self._change.notify_all()

    def _put(self, frame: DecodedFrame) -> bool:
        """Let a frame wait; False if there is nobody to take it."""
        with self._change:
            if self._source.is_live:
                self._waiting.clear()
            self._change.wait_for(lambda: self._is_closed or len(self._waiting)
                                  < self._max_frames)
            if self._is_closed:
                return False
            self._waiting.append(frame)
            self._change.notify_all()
            return True


def read_ahead(source: VideoSource, max_frames: int = 8) -> ReadAhead:
    """Decode a source in the background; see :class:`ReadAhead`."""
    return ReadAhead(source, max_frames)
