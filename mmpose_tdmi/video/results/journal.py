"""The records of a run in a file of lines, which survives the run's end.

One line per frame, written at once: whatever ends the process, the file is
whole but for its last line, which is dropped by whoever goes on with it.

Shape shorthand: none.
"""
import json
from pathlib import Path
from typing import IO, Any, Dict, Iterator, Optional, Tuple


class Journal:
    """Frame records that are appended to a file.

    Args:
        path (Path): The file. What is in it is kept as far as it is whole.

    Raises:
        ValueError: If the file is no journal.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        # unbuffered: what is written is in the file, and nothing else is
        self._file: IO[bytes] = path.open('ab', buffering=0)
        self._length, self._last = self._scan()
        self._file.truncate(self._length)

    @property
    def next_index(self) -> int:
        """int: The first frame index after those in the file."""
        return 0 if self._last is None else self._last + 1

    def append(self, record: Dict[str, Any]) -> None:
        """Add the record of a frame.

        Args:
            record (dict): Plain values with ``frame``, the frame's index.

        Raises:
            ValueError: If the index does not ascend.
            OSError: If the disk is full. The file stays what it was.
        """
        if record['frame'] < self.next_index:
            raise ValueError(
                f'frames must ascend: {record["frame"]} came after '
                f'{self._last}')
        line = json.dumps(
            record, separators=(',', ':'), ensure_ascii=False,
            allow_nan=False).encode() + b'\n'
        try:
            left = memoryview(line)
            while left:
                left = left[self._file.write(left):]
        except OSError:
            self._file.truncate(self._length)
            raise
        self._length += len(line)
        self._last = record['frame']

    def lines(self) -> Iterator[bytes]:
        """Iterator[bytes]: The records as json, without line ends."""
        with self.path.open('rb') as file:
            left = self._length
            for line in file:
                left -= len(line)
                if left < 0:
                    return
                yield line[:-1]

    def records(self) -> Iterator[Dict[str, Any]]:
        """Iterator[dict]: The records in order."""
        return map(json.loads, self.lines())

    def cut(self, index: int) -> None:
        """Drop the records of a frame and all later ones.

        Args:
            index (int): The frame's index.
        """
        length, last = 0, None
        for line in self.lines():
            frame = json.loads(line)['frame']
            if frame >= index:
                break
            length, last = length + len(line) + 1, frame
        self._file.truncate(length)
        self._length, self._last = length, last

    def close(self) -> None:
        """Close the file; it stays."""
        self._file.close()

    def _scan(self) -> Tuple[int, Optional[int]]:
        """The length of the whole lines, and the last one's frame."""
        length, last = 0, None
        with self.path.open('rb') as file:
            for line in file:
                if line.endswith(b'\n'):
                    length, last = length + len(line), line
        if last is None:
            return 0, None
        try:
            return length, int(json.loads(last)['frame'])
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f'{self.path} is no journal of frames: its last '
                             f'line is {last[:80]!r}') from error
