"""How large a benchmark is.

Shape shorthand: none.
"""
from dataclasses import dataclass

from .clips import FULL, QUICK, ClipPlan
from .systems import SYSTEMS


@dataclass(frozen=True)
class Scale:
    """How large a benchmark is.

    Args:
        name (str): Its name.
        clips (ClipPlan): Its clips.
        pretrain_epochs (int): Epochs of the pretraining.
        pretrain_pieces (int): Pieces it is run in.
        iterations (int): Iterations of 16 clips of every system.
        passes (int): Times that each training clip is stored, differently
            augmented.
        systems (tuple[str, ...]): What is run by default.
        seeds (tuple[int, ...]): Seeds run by default.
    """
    name: str
    clips: ClipPlan
    pretrain_epochs: int
    pretrain_pieces: int
    iterations: int
    passes: int
    systems: tuple
    seeds: tuple


FULL_SCALE = Scale('full', FULL, 8, 2, 400, 1, tuple(SYSTEMS), (0, 1, 2))
QUICK_SCALE = Scale('quick', QUICK, 8, 1, 300, 2,
                    ('single_frame', 'tdmi', 'tdmi_st'), (0, ))
