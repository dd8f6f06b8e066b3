"""The results page: built from the results' json files and nothing else.

What a person has to say about the figures is kept in a hand-written file
beside the page, ``<page>_analysis.md``, which is included.

Shape shorthand: none.
"""
from pathlib import Path

from mmpose_tdmi.utils.files import atomic_path
from projects import is_kept_by_git
from .figures import dependence_curves, difference_plot
from .paired_statistics import weighted_pckh
from .results import Figures, Results
from .sections import (corruption_section, dependence_histories,
                       dependence_section, head_section, how_section,
                       table_section)
from .systems import SINGLE_FRAME, SYSTEMS, TABLES

#: Systems of the plots, where they were run.
PLOTTED = ('tdmi', 'tdmi_st', 'tdmi_window', 'posewarper', 'dcpose',
           'fami_pose', 'temporal_attention')


def write_page(results: Path, page: Path) -> Path:
    """Write the page and its pictures.

    Args:
        results (Path): Folder of the results.
        page (Path): The markdown file; pictures go to ``images`` beside it.

    Returns:
        Path: The page.

    Raises:
        FileNotFoundError: If there are no results.
        ValueError: As :class:`Results`.
    """
    content = Results(results)
    if not content.pieces:
        raise FileNotFoundError(f'{results} holds no results yet')
    page = Path(page)
    ap = content.figures()
    pckh = content.figures(weighted_pckh)
    parts = [head_section(content), _analysis(page)]
    parts += [_pictures(content, ap, page)]
    parts += [table_section(table, content, ap, pckh) for table in TABLES]
    parts += [
        dependence_section(content),
        corruption_section(content),
        how_section(content)
    ]
    text = '\n\n'.join(part for part in parts if part) + '\n'
    with atomic_path(page, is_kept_by_git(page)) as temporary:
        temporary.write_text(text, encoding='utf-8')
    return page


def _analysis(page: Path) -> str:
    path = page.with_name(f'{page.stem}_analysis.md')
    if not path.is_file():
        return ''
    return path.read_text(encoding='utf-8').strip()


def _pictures(content: Results, ap: Figures, page: Path) -> str:
    lines = ['## At a glance']
    reference = ap.get(SINGLE_FRAME.name)
    shown = [name for name in PLOTTED if name in ap]
    if reference is not None and shown:
        path = page.parent / 'images' / f'{page.stem}_differences.png'
        difference_plot(
            {
                SYSTEMS[name].title: {
                    heading: ap[name][key].minus(reference[key])
                    for key, heading in content.columns.items()
                }
                for name in shown
            }, path)
        lines.append('AP minus that of the single-frame control, with 95 % '
                     f'intervals:\n\n![differences](images/{path.name})')
    history = dependence_histories(content)
    if history:
        path = page.parent / 'images' / f'{page.stem}_dependence.png'
        dependence_curves(history, path)
        lines.append('Dependence of useful and noisy motion during training:'
                     f'\n\n![dependence](images/{path.name})')
    return '\n\n'.join(lines) if len(lines) > 1 else ''
