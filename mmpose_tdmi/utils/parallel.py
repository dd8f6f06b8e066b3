"""Independent tasks in several processes, with a progress bar."""
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Callable, Iterator, Sequence

import cv2
from tqdm import tqdm


def run_tasks(function: Callable[[Any], Any],
              tasks: Sequence[Any],
              workers: int = 1,
              name: str = '',
              unit: str = 'task',
              progress: bool = False,
              num_done: int = 0) -> Iterator[Any]:
    """Apply a function to tasks, in order; with one worker, in this process.

    OpenCV computes in one thread meanwhile, so that each process takes one
    core. Processes are no copies of this one: a lock that another thread
    holds while a copy is made stays locked in it for ever. A script that asks
    for several has to do so below ``if __name__ == '__main__':``. When the
    function raises, tasks not begun are dropped.

    ``name``, ``unit`` and ``num_done`` are the progress bar's: title, what is
    counted, and where it starts.
    """
    if workers < 1:
        raise ValueError(f'workers must be at least 1, got {workers}')
    bar = tqdm(
        total=num_done + len(tasks),
        initial=num_done,
        desc=name,
        unit=unit,
        disable=not progress)
    with bar:
        if workers == 1 or len(tasks) < 2:
            threads = cv2.getNumThreads()
            cv2.setNumThreads(1)
            try:
                for task in tasks:
                    yield function(task)
                    bar.update()
            finally:
                cv2.setNumThreads(threads)
            return
        pool = ProcessPoolExecutor(
            min(workers, len(tasks)), _context(function), cv2.setNumThreads,
            (1, ))
        try:
            for result in pool.map(function, tasks):
                yield result
                bar.update()
        except BrokenProcessPool as error:
            named = _named(function)
            raise RuntimeError(
                f'a process of {named.__module__}.{named.__qualname__} died, '
                'of lack of memory or killed. Or it never began: a '
                'script that asks for several workers must do so below '
                "if __name__ == '__main__':") from error
        finally:  # an interruption must not wait for all the others
            pool.shutdown(cancel_futures=True)


def _context(function: Callable[[Any], Any]) -> Any:
    """How processes are started."""
    if 'forkserver' not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context('spawn')
    context = multiprocessing.get_context('forkserver')
    # imported once, in the server, instead of in each process
    context.set_forkserver_preload([__name__, _named(function).__module__])
    return context


def _named(function: Callable[[Any], Any]) -> Any:
    """What a partial function was made from, which has a name."""
    return getattr(function, 'func', function)
