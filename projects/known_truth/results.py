"""The committed results of a benchmark.

Shape shorthand: none.
"""
import json
from pathlib import Path
from typing import Any, Callable, Dict, List

from .paired_statistics import (SystemFigures, selections, system_figures,
                                weighted_ap)
from .records import RunRecords, Truth
from .systems import SYSTEMS

#: System -> selection -> figures.
Figures = Dict[str, Dict[str, SystemFigures]]

#: What is tabulated: name of the selection, heading.
COLUMNS = {
    'all': 'all',
    'easy': 'easy',
    'default': 'default',
    'hard': 'hard',
    'visible': 'visible',
    'hidden_seen': 'hidden, seen nearby',
    'hidden_unseen': 'hidden throughout',
    'blurred': 'blurred',
    'fast': 'fast',
    'crowded': 'crowded',
}


class Results:
    """The results in a folder.

    Args:
        folder (Path): With ``truth.json`` and one json for each piece.

    Raises:
        FileNotFoundError: If there is no ``truth.json``.
        ValueError: If results are not of the same clips and pretraining.
    """

    def __init__(self, folder: Path) -> None:
        folder = Path(folder)
        about = read_json(folder / 'truth.json')
        self.about = {k: about[k] for k in ('data', 'scale', 'plan')}
        self.truth = Truth.from_json(about)
        known = selections(self.truth)
        self.columns = {k: v for k, v in COLUMNS.items() if k in known}
        self.pieces: Dict[str, List[dict]] = {}
        pretrained = set()
        for path in sorted(folder.glob('*_seed*.json')):
            piece = read_json(path)
            if piece['data'] != self.about['data']:
                raise ValueError(f'{path}: made with the clips '
                                 f'{piece["data"]}, truth.json is of '
                                 f'{self.about["data"]}')
            pretrained.add(piece['pretrained'])
            self.pieces.setdefault(piece['system'], []).append(piece)
        if len(pretrained) > 1:
            raise ValueError(f'{folder}: the results start from different '
                             f'pretrained models, {sorted(pretrained)}')
        self.corruptions = {
            path.stem.split('_seed')[0]: read_json(path)
            for path in sorted((folder / 'corruption').glob('*.json'))
        } if (folder / 'corruption').is_dir() else {}

    def figures(self, figure: Callable = weighted_ap) -> Figures:
        """Figures of every system that was run.

        Args:
            figure (Callable): :func:`weighted_ap` (default) or
                :func:`weighted_pckh`.
        """
        known = list(SYSTEMS)
        return {
            system:
            system_figures(
                [RunRecords.from_json(p['records'])
                 for p in pieces], self.truth, list(self.columns),
                known.index(system), figure)
            for system, pieces in self.pieces.items() if system in SYSTEMS
        }


def read_json(path: Path) -> Any:
    """The content of a json file."""
    return json.loads(Path(path).read_text(encoding='utf-8'))
