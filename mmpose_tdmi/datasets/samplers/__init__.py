"""Orders of samples in which a worker meets the same frames again."""
from .frame_group_sampler import FrameGroupSampler
from .worker_run_batch_sampler import WorkerRunBatchSampler

__all__ = ['FrameGroupSampler', 'WorkerRunBatchSampler']
