"""This process's share of the work, from what started it.

Shape shorthand: none.
"""
import os
from dataclasses import dataclass
from datetime import timedelta
from typing import List, Mapping, Optional, Sequence, TypeVar

import torch.distributed

T = TypeVar('T')

#: What may have started the process, called as in MMEngine's and mim's
#: ``--launcher``, and its variables: rank, number of ranks, rank on the node.
LAUNCHERS = {
    'none': None,
    'pytorch': ('RANK', 'WORLD_SIZE', 'LOCAL_RANK'),
    'slurm': ('SLURM_PROCID', 'SLURM_NTASKS', 'SLURM_LOCALID'),
}


@dataclass(frozen=True)
class Rank:
    """A process among those that share the work.

    Args:
        rank (int): Its number, 0 <= rank < world_size. Defaults to 0.
        world_size (int): The number of processes. Defaults to 1.
        local_rank (int): Its number on its machine. Defaults to 0.
    """
    rank: int = 0
    world_size: int = 1
    local_rank: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.rank < self.world_size:
            raise ValueError(f'rank {self.rank} of {self.world_size}: '
                             'expected 0 <= rank < number of ranks')


def find_rank(launcher: str,
              environment: Optional[Mapping[str, str]] = None) -> Rank:
    """The rank that a launcher gave.

    Args:
        launcher (str): One of :data:`LAUNCHERS`.
        environment (Mapping[str, str], optional): Variables. Defaults to the
            process's own.

    Returns:
        Rank: The rank; that of a single process with ``'none'``.

    Raises:
        ValueError: If the launcher is unknown or its variables are missing.
    """
    if launcher not in LAUNCHERS:
        raise ValueError(f'launcher must be one of {list(LAUNCHERS)}, got '
                         f'{launcher!r}')
    names = LAUNCHERS[launcher]
    if names is None:
        return Rank()
    environment = os.environ if environment is None else environment
    missing = [name for name in names if name not in environment]
    if missing:
        raise ValueError(
            f'launcher {launcher!r}: the variables {missing} are not set; was '
            'this started by '
            f'{"torchrun" if launcher == "pytorch" else "srun"}?')
    return Rank(*(int(environment[name]) for name in names))


def deal_out(jobs: Sequence[T], rank: Rank) -> List[T]:
    """A rank's share of jobs.

    Args:
        jobs (Sequence): All jobs, the largest first, in the same order on
            every rank.
        rank (Rank): Whose share.

    Returns:
        list: Every n-th of them, in turns that change direction, so that the
        first ranks do not get the larger one each time.
    """
    share = []
    for start in range(0, len(jobs), rank.world_size):
        turn = list(jobs[start:start + rank.world_size])
        place = rank.rank
        if (start // rank.world_size) % 2:
            place = rank.world_size - 1 - place
        share += turn[place:place + 1]
    return share


class Companions:
    """Keeps ranks of torchrun until all are done.

    torchrun ends all others as soon as one ends with an error code, which
    would stop their videos. SLURM does not (``--kill-on-bad-exit=0``).

    Args:
        launcher (str): One of :data:`LAUNCHERS`.
        rank (Rank): This process.
    """

    def __init__(self, launcher: str, rank: Rank) -> None:
        self._wait = launcher == 'pytorch' and rank.world_size > 1

    def __enter__(self) -> 'Companions':
        if self._wait:
            torch.distributed.init_process_group(
                'gloo', timeout=timedelta(days=30))
        return self

    def __exit__(self, *_) -> None:
        if self._wait:
            torch.distributed.barrier()
            torch.distributed.destroy_process_group()
