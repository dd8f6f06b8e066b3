"""docs/performance.md: prose with tables that come from measurements.

The page has places, pairs of comments; what is between them is written by
this module from the reports of a folder, and nothing else::

    <!-- report: person_frame_cost -->
    ... tables, settings, command ...
    <!-- end -->

``<!-- goals -->`` is the table of goals, ``<!-- machines -->`` what was
measured on. A report that is not there yet leaves a line that says how to
make it.

Shape shorthand: none.
"""
import operator
import re
from pathlib import Path
from typing import Callable, Dict, List, NamedTuple, Union

from .report import Report, Table, load_report, machine_line

_PLACE = re.compile(
    r'(<!-- (report: (?P<name>[\w-]+)|goals|machines) -->\n)'
    r'.*?(<!-- end -->)', re.DOTALL)
_RELATIONS: Dict[str, Callable[[float, float], bool]] = {
    '<=': operator.le,
    '>=': operator.ge
}


class Goal(NamedTuple):
    """A number that a report must have.

    Attributes:
        text (str): What it is.
        report (str): The report's name.
        value (str): The name of its value.
        relation (str): '<=' or '>='.
        bound (float): What it is compared with.
    """
    text: str
    report: str
    value: str
    relation: str
    bound: float


_MODELS = [('w48', 'HRNet-W48 384x288', 0.95),
           ('w32', 'HRNet-W32 384x288', 0.95), ('vit-s', 'ViT-S 256x192', 1.5)]
_NECKS = [('', 'the paper\'s neck'),
          ('-last', 'the last stage\'s differences')]
#: The goals of the project.
GOALS: List[Goal] = [
    *(Goal(f'{text}, {neck}, over a single frame', 'backends',
           f'{name}{ending} ONNX Runtime / single', '<=', bound)
      for name, text, bound in _MODELS for ending, neck in _NECKS),
    *(Goal(
        f'a whole video with {count} in it, the last stage\'s differences, '
        'over MMPoseInferencer', 'whole_video_last',
        f'ours / MMPoseInferencer, {count} people', '<=', 0.9)
      for count in (1, 3, 5, 10, 20)),
    Goal('peak memory with 20 people over MMPoseInferencer',
         'whole_video_memory', 'memory, 20 people', '<=', 1.2),
    *(Goal(f'{text}, naive over streaming', 'person_frame_cost',
           f'{name} naive / streaming', '>=', 3.4)
      for name, text, _ in _MODELS),
    Goal('AP with the default crops less AP with a crop for every box',
         'shared_crops', 'change', '>=', -1),
    Goal('decodes per new frame in the order of a test', 'dataset_speed',
         'test decodes per frame', '<=', 1.2),
    Goal('TDMI\'s modules over the backbone, W48 training step, %',
         'training_step', 'w48 added, %', '<=', 25),
    Goal('memory of the longest video over that of the shortest', 'growth',
         'memory ratio', '<=', 1.1),
]


def fill_page(text: str, folder: Union[str, Path]) -> str:
    """The page with the present reports.

    Args:
        text (str): The page.
        folder (str | Path): Has the reports, ``NAME.json``.

    Returns:
        str: The page, the same but for its places.

    Raises:
        ValueError: If a report's file is damaged.
    """
    reports = {
        path.stem: load_report(path)
        for path in sorted(Path(folder).glob('*.json'))
    }

    def fill(match: 're.Match') -> str:
        name = match['name']
        if name is None:
            content = goals_table(reports) if 'goals' in match[1] else \
                machines(reports)
        elif name in reports:
            content = section(reports[name])
        else:
            content = (f'*Not measured yet: `{name}.json` is missing in the '
                       'folder of reports.*')
        return f'{match[1]}\n{content}\n\n{match[4]}'

    return _PLACE.sub(fill, text)


def section(report: Report) -> str:
    """A report's part of the page."""
    return f'{report}\n\n```shell\n{report.command}\n```'


def goals_table(reports: Dict[str, Report]) -> str:
    """Which goals hold.

    Args:
        reports (dict[str, Report]): The reports by name.
    """
    rows = []
    for goal in GOALS:
        report = reports.get(goal.report)
        found = None if report is None else report.values.get(goal.value)
        holds = 'not measured'
        if found is not None:
            holds = 'yes' if _RELATIONS[goal.relation](
                found, goal.bound) else '**no**'
        rows.append([
            goal.text, f'{goal.relation} {goal.bound:g}',
            '' if found is None else float(found), holds
        ])
    return str(Table(['goal', 'bound', 'measured', 'holds'], rows))


def machines(reports: Dict[str, Report]) -> str:
    """What was measured on, each machine once.

    The load is each report's own, other processes' share in it.
    """
    lines: Dict[str, List[str]] = {}
    for name, report in reports.items():
        machine = dict(report.machine)
        load = machine.pop('load', '?')
        line = machine_line(Report('', [], machine=machine))
        lines.setdefault(line, []).append(f'`{name}` (load {load})')
    return '\n'.join(f'- {line}: {", ".join(names)}'
                     for line, names in lines.items()) or '*Nothing yet.*'
