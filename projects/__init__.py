"""What serves no user of the plugin: in the repository, never in the wheel."""
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]


def is_kept_by_git(path: Path) -> bool:
    """Whether a file is one of the repository's pages, pictures and results,
    which may be made anew."""
    place = Path(path).resolve()
    return any(_ROOT / name in place.parents for name in ('docs', 'projects'))
