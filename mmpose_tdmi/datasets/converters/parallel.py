"""Independent tasks in several processes, with a progress bar.

Shape shorthand: none.
"""
from concurrent.futures import ProcessPoolExecutor
from typing import Any, Callable, Iterator, Sequence

from tqdm import tqdm


def run_tasks(function: Callable[[Any], Any],
              tasks: Sequence[Any],
              workers: int = 1,
              name: str = '',
              unit: str = 'task',
              progress: bool = False) -> Iterator[Any]:
    """Apply a function to tasks, in order.

    Args:
        function (Callable): A function of a module.
        tasks (Sequence): Its arguments.
        workers (int): Processes; with 1 it runs in this one. Defaults to 1.
        name (str): What the progress bar is called. Defaults to ''.
        unit (str): What is counted. Defaults to 'task'.
        progress (bool): Show the bar. Defaults to False.

    Yields:
        The results.

    Raises:
        ValueError: If there is to be no worker. What the function raises
            comes through, and tasks not begun are dropped.
    """
    if workers < 1:
        raise ValueError(f'workers must be at least 1, got {workers}')
    bar = tqdm(total=len(tasks), desc=name, unit=unit, disable=not progress)
    with bar:
        if workers == 1 or len(tasks) < 2:
            for task in tasks:
                yield function(task)
                bar.update()
            return
        pool = ProcessPoolExecutor(min(workers, len(tasks)))
        try:
            for result in pool.map(function, tasks):
                yield result
                bar.update()
        finally:  # an interruption must not wait for all the others
            pool.shutdown(cancel_futures=True)
