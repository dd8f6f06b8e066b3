"""Results of a test run kept in a file instead of in memory.

Shape shorthand: none.
"""
import pickle
import tempfile
from typing import IO, Any, List, Optional


class ResultSpool:
    """A list that grows in a temporary file.

    The file has no name, so that it is gone with the process however that
    ends.
    """

    def __init__(self) -> None:
        self._file: Optional[IO[bytes]] = None
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def append(self, result: Any) -> None:
        """Add a result at the end.

        Args:
            result: Anything that can be pickled.
        """
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix='mmpose-tdmi-')
        pickle.dump(result, self._file, protocol=pickle.HIGHEST_PROTOCOL)
        self._length += 1

    def take(self) -> List[Any]:
        """Empty the spool.

        Returns:
            list: The results in the order in which they were added.
        """
        file, length = self._file, self._length
        self._file, self._length = None, 0
        if file is None:
            return []
        with file:
            file.seek(0)
            return [pickle.load(file) for _ in range(length)]
