"""What samples are called in messages about them.

Shape shorthand: none.
"""
from contextlib import contextmanager
from typing import Any, Callable, Iterator, Mapping


def name_sample(info: Mapping[str, Any]) -> str:
    """Name a sample such that its owner can find it.

    Args:
        info (Mapping): A sample, or its metainfo: ``img_path``, and of
            ``frame_indices``, ``id`` and ``track_id`` what is there.

    Returns:
        str: The key frame's file with folder, the clip's frames, annotation
        and track.
    """
    parts = [str(info.get('img_path'))]
    if info.get('frame_indices') is not None:
        numbers = ' '.join(str(n) for n in info['frame_indices'])
        parts.append(f'frames {numbers}')
    for key, title in (('id', 'annotation'), ('track_id', 'track')):
        if info.get(key) is not None:
            parts.append(f'{title} {info[key]}')
    return ', '.join(parts)


@contextmanager
def errors_name(describe: Callable[[], str]) -> Iterator[None]:
    """Add to any error what was being worked on.

    The error stays what it is; its traceback ends with the addition, also
    where a worker process hands it on.

    Args:
        describe (Callable): Gives the text, in case of an error.
    """
    try:
        yield
    except Exception as error:
        add_note(error, describe())
        raise


def add_note(error: BaseException, text: str) -> None:
    """Add a line to an error's message.

    Args:
        error (BaseException): The error.
        text (str): The line.
    """
    if hasattr(error, 'add_note'):
        error.add_note(text)
    elif len(error.args) == 1 and isinstance(error.args[0], str):
        # Python before 3.11 knows no notes
        error.args = (f'{error.args[0]}\n{text}', )
