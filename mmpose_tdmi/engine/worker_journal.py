"""Which sample a data loader's worker was at when it died.

A worker that is killed (out of memory, a crash in a decoder) leaves no
traceback, and torch tells only its process id. Here workers note the sample
that they are at in a small file of their own.

Shape shorthand: none.
"""
import os
import re
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, Optional

from mmengine.dataset import BaseDataset
from torch.utils.data import DataLoader, Dataset

from mmpose_tdmi.datasets.sample_names import add_note, name_sample

_PIDS = re.compile(r'DataLoader worker \(pid(?:\(s\))? ([\d, ]+)\)')


class WorkerJournal:
    """A folder with a file for each worker: the sample it is at.

    Args:
        dataset (Dataset): What the workers load from.

    Attributes:
        folder (str): The folder; it goes with this object.
    """

    #: That of the training that runs.
    current: Optional['WorkerJournal'] = None

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self._folder = tempfile.TemporaryDirectory(prefix='workers-')
        self.folder = self._folder.name

    def explain(self, error: RuntimeError) -> None:
        """Add the samples to an error that tells of dead workers.

        Args:
            error (RuntimeError): The error; others stay as they are.
        """
        found = _PIDS.search(str(error))
        for pid in re.findall(r'\d+', found.group(1)) if found else ():
            path = Path(self.folder) / pid
            text = path.read_text() if path.is_file() else ''
            if text.strip():
                add_note(
                    error, f'worker {pid} was at '
                    f'{_name(self.dataset, int(text))}')


@contextmanager
def noted(folder: Optional[str]) -> Iterator:
    """A function that notes the present sample; the note goes at the end.

    Args:
        folder (str, optional): The journal's folder; None for no notes.

    Yields:
        Callable: ``note(index)``.
    """
    if folder is None or not os.path.isdir(folder):
        yield lambda index: None
        return
    path = os.path.join(folder, str(os.getpid()))
    with open(path, 'wb', buffering=0) as file:

        def note(index: int) -> None:
            file.seek(0)
            file.write(b'%-20d' % index)

        yield note
        file.truncate(0)


class ExplainedDataLoader(DataLoader):
    """A data loader whose errors about dead workers name the samples."""

    def __iter__(self) -> Iterator:
        with worker_deaths_explained():
            iterator = super().__iter__()
        while True:
            with worker_deaths_explained():
                try:
                    batch = next(iterator)
                except StopIteration:
                    return
            yield batch


@contextmanager
def worker_deaths_explained() -> Iterator[None]:
    """Have errors about dead workers name the samples.

    Torch raises them wherever the main process happens to be, so a training
    tool does well to run inside of this.
    """
    try:
        yield
    except RuntimeError as error:
        journal = WorkerJournal.current
        notes = getattr(error, '__notes__', ())
        if journal is not None and not any('worker' in n for n in notes):
            journal.explain(error)
        raise


def _name(dataset: Dataset, index: int) -> str:
    if isinstance(dataset, BaseDataset):
        return f'sample {index}: {name_sample(dataset.get_data_info(index))}'
    return f'sample {index} of a {type(dataset).__name__}'
