"""Names in annotation files that must not lead out of a folder.

Annotation files come from outside. A path in one could name any file that
the process may read, and a picture of it could end up in a report; a video's
name becomes that of a file which is written.

Shape shorthand: none; paths only.
"""
from pathlib import PurePosixPath, PureWindowsPath


def check_inner_path(path: str, where: str) -> str:
    """Refuse a path that leads out of its root.

    Links that lie in the data root are the user's own, and are followed.

    Args:
        path (str): A path, relative to the root.
        where (str): What it is called in messages.

    Returns:
        str: The same path.

    Raises:
        ValueError: If it is absolute, has ``..`` as a part, a scheme
            (``http://``), or a NUL.
    """
    if path[:1] not in '/\\' and not ('..' in path or ':' in path
                                      or '\0' in path):
        return path  # nearly all
    parts = PurePosixPath(path.replace('\\', '/')).parts
    if (path[:1] in ('/', '\\') or '..' in parts or '\0' in path
            or '://' in path or PureWindowsPath(path).drive):
        raise ValueError(
            f'{where} {path!r:.200} leads out of the data root; expected a '
            'path relative to it without "..". Files from a source that you '
            'trust are allowed to by allow_outside_paths=True of the dataset')
    return path


def check_file_name(name: str, where: str) -> str:
    """Refuse a name that would be a file of another folder.

    Args:
        name (str): What a file is to be called.
        where (str): What it is called in messages.

    Returns:
        str: The same name.

    Raises:
        ValueError: If it is empty, too long, ``.`` or ``..``, or has a
            separator or a NUL.
    """
    if (not name or name in ('.', '..') or len(name.encode()) > 200
            or any(c in name for c in '/\\\0')):
        raise ValueError(f'{where} {name!r:.200} cannot be a file name: '
                         'expected one without "/", "\\" and NUL')
    return name
