"""What a benchmark found: tables, printed and kept.

Every script makes a :class:`Report` and prints it; with ``--out`` it is kept
as json, with the command and the machine, and docs/performance.md is made of
those files (projects/performance/performance_page.py).

Shape shorthand: none.
"""
import argparse
import json
import shlex
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Union

from mmpose_tdmi.utils.files import atomic_path, write_json
from projects import is_kept_by_git
from .machine import describe_machine
from .timing import markdown_table


@dataclass
class Table:
    """A table.

    Args:
        header (list[str]): The columns.
        rows (list[list]): Their cells: text or numbers.
        title (str): One line. Defaults to '', none.
    """
    header: List[str]
    rows: List[list]
    title: str = ''

    def __str__(self) -> str:
        table = markdown_table(self.header, self.rows)
        return f'{self.title}\n\n{table}' if self.title else table


@dataclass
class Report:
    """What a benchmark found.

    Args:
        settings (str): What was measured and how, one line.
        tables (list[Table]): The tables.
        values (dict[str, float]): Single numbers by name, by which goals are
            judged. Defaults to none.
        command (str): What printed it.
        machine (dict): As :func:`describe_machine` gives it.
    """
    settings: str
    tables: List[Table]
    values: Dict[str, float] = field(default_factory=dict)
    command: str = ''
    machine: Dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return '\n\n'.join([self.settings, *map(str, self.tables)])

    def save(self, path: Union[str, Path]) -> None:
        """Write it as json and, beside it, as markdown.

        Args:
            path (str | Path): The json file.
        """
        path = Path(path)
        is_own = is_kept_by_git(path)
        write_json(path, asdict(self), is_own, indent=1)
        with atomic_path(path.with_suffix('.md'), is_own) as temporary:
            temporary.write_text(
                f'{self}\n\n    {self.command}\n\n{machine_line(self)}\n',
                encoding='utf-8')


def load_report(path: Union[str, Path]) -> Report:
    """Read a report's json.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If it is no report.
    """
    try:
        content = json.loads(Path(path).read_text(encoding='utf-8'))
        content['tables'] = [Table(**table) for table in content['tables']]
        return Report(**content)
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(f'{path} is no report of a benchmark: expected '
                         f'settings, tables ...; {error!r}') from error


def machine_line(report: Report) -> str:
    """A report's machine in one line."""
    return ', '.join(f'{name} {value}' if name != 'processor' else str(value)
                     for name, value in report.machine.items())


def add_out_argument(parser: argparse.ArgumentParser) -> None:
    """The option by which a script keeps its report."""
    parser.add_argument(
        '--out',
        type=Path,
        metavar='FILE.json',
        help='keep the tables, with command and machine, as json\n'
        'and markdown')


def publish(report: Report,
            out: Optional[Path],
            argv: Optional[Sequence[str]] = None,
            machine: Optional[dict] = None) -> None:
    """Print a report, and keep it where asked.

    Args:
        report (Report): The report; command and machine are filled in.
        out (Path, optional): The json file.
        argv (Sequence[str], optional): The script's arguments. Defaults to
            ``None``, those of this process.
        machine (dict, optional): The machine before it was measured on, so
            that the load is that of others. Defaults to ``None``, now.
    """
    arguments = sys.argv[1:] if argv is None else argv
    script = Path(sys.argv[0])
    report.command = shlex.join([
        'python', f'projects/performance/{script.name}', *map(str, arguments)
    ])
    report.machine = machine or describe_machine()
    print(report)
    if out is not None:
        report.save(out)
