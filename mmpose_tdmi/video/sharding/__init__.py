"""Many videos over processes, devices and machines.

On one machine a pool of processes, one per device, takes one video after the
other. Over machines the videos are dealt out by the rank that torchrun or
SLURM gives: videos have nothing to do with each other, so that nothing needs
to be exchanged, and no engine needs to be installed that clusters do not have
already.
"""
from .jobs import VideoJob, find_jobs
from .pool import Outcome, run_pool
from .ranks import Rank, deal_out, find_rank
from .status import JobStatus, StatusFolder

__all__ = [
    'JobStatus', 'Outcome', 'Rank', 'StatusFolder', 'VideoJob', 'deal_out',
    'find_jobs', 'find_rank', 'run_pool'
]
