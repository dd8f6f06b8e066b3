"""What keeps a training from being lost or spoilt.

The host writes checkpoints in place after it removed old ones: a process
killed in between can leave nothing to resume from. And a loss that is not
finite goes into the weights and the next checkpoint.
"""
import math
import os
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Optional, Tuple

import torch
from mmengine.dist import is_main_process
from mmengine.fileio import LocalBackend, get_file_backend, register_backend
from mmengine.hooks import CheckpointHook, Hook
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapperDict
from mmengine.runner import Runner
from mmpose.registry import HOOKS
from torch import Tensor, nn

from mmpose_tdmi.datasets.sequence_dataset import name_sample
from mmpose_tdmi.utils.files import PathLike

#: How the name of a file ends that is being written.
PARTIAL = '.partial'


def unwrapped(runner: Runner) -> nn.Module:
    """A runner's model without the wrapper of distributed training."""
    model = runner.model
    return model.module if is_model_wrapper(model) else model


def check_integers(low: int, **values: Any) -> None:
    """Refuse options of hooks that are too small or no integers."""
    for name, value in values.items():
        if type(value) is not int or value < low:
            raise ValueError(f'{name} must be an integer of at least {low}, '
                             f'got {value!r}')


@register_backend('atomic_local')
class AtomicLocalBackend(LocalBackend):
    """The host's local backend with atomic writes and patient removals.

    A file is written beside its place, forced to the disk, and moved there.
    Used by its name, ``backend_args=dict(backend='atomic_local')``.
    """

    def __init__(self) -> None:
        super().__init__()
        self._waiting: Optional[List[Tuple[str, int]]] = None

    def put(self, obj: bytes, filepath: PathLike) -> None:
        path = Path(filepath)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f'.{path.name}{PARTIAL}')
        with partial.open('wb') as file:
            file.write(obj)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
        if os.name == 'posix':  # the folder's entries, too
            handle = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)

    def put_text(self,
                 obj: str,
                 filepath: PathLike,
                 encoding: str = 'utf-8') -> None:
        self.put(obj.encode(encoding), filepath)

    def remove(self, filepath: PathLike) -> None:
        """Remove a file, within :meth:`removals_last` at its end."""
        if self._waiting is None:
            super().remove(filepath)
        else:
            self._waiting.append((str(filepath), os.stat(filepath).st_ino))

    @contextmanager
    def removals_last(self) -> Iterator[None]:
        """Let removals wait for the end of the block, and its success."""
        self._waiting = []
        try:
            yield
            waiting = self._waiting
        finally:
            self._waiting = None
        for path, inode in waiting:
            # a file written anew in the meantime is another one
            if self.isfile(path) and os.stat(path).st_ino == inode:
                super().remove(path)


@HOOKS.register_module()
class AtomicCheckpointHook(CheckpointHook):
    """The host's hook, safe against being killed at any point.

    On local disks a checkpoint is written beside its place, forced to the
    disk and moved there; then ``last_checkpoint``, likewise; then old ones are
    removed: for a moment there may be one more than ``max_keep_ckpts``. Other
    storage (``out_dir`` with a prefix, ``backend_args``) is written as the
    host does it, in that order.

    Arguments are those of MMEngine's ``CheckpointHook``.
    """

    def before_train(self, runner: Runner) -> None:
        super().before_train(runner)
        if self.file_client_args is None and self.backend_args is None and (
                type(self.file_backend) is LocalBackend):
            self.backend_args = dict(backend='atomic_local')
            self.file_backend = get_file_backend(
                self.out_dir, backend_args=self.backend_args)
        if not is_main_process():
            return
        if isinstance(self.file_backend, AtomicLocalBackend):
            for path in Path(self.out_dir).glob(f'.*{PARTIAL}'):
                path.unlink()
                runner.logger.info(f'{path}, which a process began to write '
                                   'and never finished, is removed')
        if runner.iter > 0:
            # a process killed right after it saved did not come to this
            info = runner.message_hub.runtime_info
            self._remove_steps(info.get('outdated_ckpt_ids', ()))
            for path in info.get('outdated_best_ckpts', ()):
                if path not in self._best() and self.file_backend.isfile(path):
                    self.file_backend.remove(path)

    def _save_checkpoint_with_step(self, runner: Runner, step: int,
                                   meta: Dict[str, int]) -> None:
        info, outdated = runner.message_hub, []
        # the host has keep_ckpt_ids only where some are to be removed
        if self.max_keep_ckpts > 0 and step not in self.keep_ckpt_ids:
            if len(self.keep_ckpt_ids) == self.max_keep_ckpts:
                outdated.append(self.keep_ckpt_ids.popleft())
            self.keep_ckpt_ids.append(step)
            info.update_info('keep_ckpt_ids', list(self.keep_ckpt_ids))
            info.update_info('outdated_ckpt_ids', outdated)
        name = self.filename_tmpl.format(step)
        self.last_ckpt = self.file_backend.join_path(self.out_dir, name)
        info.update_info('last_ckpt', self.last_ckpt)
        runner.save_checkpoint(
            self.out_dir,
            name,
            self.file_client_args,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=self.by_epoch,
            backend_args=self.backend_args,
            **self.args)
        if is_main_process():
            # always in the work folder, which is a local one
            AtomicLocalBackend().put_text(
                self.last_ckpt,
                Path(runner.work_dir) / 'last_checkpoint')
            self._remove_steps(outdated)

    def _remove_steps(self, steps: Iterable[int]) -> None:
        for step in steps:
            path = self.file_backend.join_path(self.out_dir,
                                               self.filename_tmpl.format(step))
            if self.file_backend.isfile(path):
                self.file_backend.remove(path)
            elif self.file_backend.isdir(path):
                self.file_backend.rmtree(path)

    def _save_best_checkpoint(self, runner: Runner,
                              metrics: Dict[str, float]) -> None:
        if not isinstance(self.file_backend, AtomicLocalBackend):
            super()._save_best_checkpoint(runner, metrics)
            return
        runner.message_hub.update_info('outdated_best_ckpts', self._best())
        with self.file_backend.removals_last():
            super()._save_best_checkpoint(runner, metrics)

    def _best(self) -> List[str]:
        found = [getattr(self, 'best_ckpt_path', None)]
        found += getattr(self, 'best_ckpt_path_dict', {}).values()
        return [path for path in found if path is not None]


#: How many parameters, and how many samples, a message names.
MAX_NAMES = 5
MAX_SAMPLES = 64


class NonFiniteError(FloatingPointError):
    """A loss or a gradient is NaN or infinite."""


@HOOKS.register_module()
class NonFiniteGuardHook(Hook):
    """Raise an error on NaN and infinity, before the optimiser's step.

    Losses are looked at before the backward pass, gradients before the step:
    weights, optimiser and the last checkpoint stay as they were. The
    :class:`NonFiniteError` names loss terms, iteration, and the batch's
    samples. It costs one number read from the device an iteration, two with
    ``gradients``. Steps that fp16's loss scaler leaves out it does not see.

    Args:
        gradients: Look at gradients, too.
    """

    priority = 'VERY_LOW'

    def __init__(self, gradients: bool = True) -> None:
        self.gradients = gradients
        self._handles: list = []
        self._runner: Optional[Runner] = None
        self._batch: Any = None

    def before_train(self, runner: Runner) -> None:
        self._release()
        self._runner = runner
        self._handles.append(
            unwrapped(runner).register_forward_hook(self._check_losses))
        if self.gradients:
            wrapper = runner.optim_wrapper
            wrappers = wrapper.values() if isinstance(
                wrapper, OptimWrapperDict) else [wrapper]
            for wrapper in wrappers:
                self._handles.append(
                    wrapper.optimizer.register_step_pre_hook(
                        self._check_gradients))

    def before_train_iter(self,
                          runner: Runner,
                          batch_idx: int,
                          data_batch: Optional[dict] = None) -> None:
        self._batch = data_batch

    def after_train(self, runner: Runner) -> None:
        self._release()

    def _release(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles = []
        self._batch = None

    @torch.no_grad()
    def _check_losses(self, module: nn.Module, args: tuple,
                      output: Any) -> None:
        if not isinstance(output, dict) or not module.training:
            return
        total, terms = module.parse_losses(output)
        if torch.as_tensor(total).isfinite():
            return
        values = {k: float(terms[k]) for k in output if 'loss' in k}
        # where only their sum overflows, all are bad
        bad = {k: v for k, v in values.items()
               if not math.isfinite(v)} or values  # yapf: disable
        good = {k: v for k, v in values.items() if k not in bad}
        others = f'\nthe other terms: {_shown(good)}' if good else ''
        self._stop(f'the loss is not finite: {_shown(bad)}{others}')

    @torch.no_grad()
    def _check_gradients(self, optimizer: torch.optim.Optimizer, args: tuple,
                         kwargs: dict) -> None:
        gradients = [
            p.grad for group in optimizer.param_groups for p in group['params']
            if p.grad is not None
        ]
        if not gradients or torch.stack([g.float().norm()
                                         for g in gradients]).isfinite().all():
            return
        bad = [
            name for name, p in unwrapped(self._runner).named_parameters()
            if p.grad is not None and not p.grad.isfinite().all()
        ]
        if bad:  # else the norm alone overflows
            self._stop(
                f'the gradient of {len(bad)} parameters is not finite, though '
                f'the loss is: {", ".join(bad[:MAX_NAMES])}'
                f'{" ..." if len(bad) > MAX_NAMES else ""}')

    def _stop(self, what: str) -> None:
        runner = self._runner
        rates = {k: v[0] for k, v in runner.optim_wrapper.get_lr().items()}
        last = runner.message_hub.runtime_info.get('last_ckpt')
        samples = _samples(self._batch)
        if len(samples) > MAX_SAMPLES:
            more = len(samples) - MAX_SAMPLES
            samples[MAX_SAMPLES:] = [f'  and {more} more']
        raise NonFiniteError('\n'.join([
            f'epoch {runner.epoch + 1}, iteration {runner.iter + 1} of '
            f'{runner.max_iters}: {what}', f'learning rate: {_shown(rates)}',
            'the weights are those before this iteration; last checkpoint: '
            f'{last or "none yet"}', 'samples of the batch in this process:',
            *samples
        ]))


def _shown(values: Dict[str, float]) -> str:
    return ', '.join(f'{k} = {v:.6g}' for k, v in values.items())


def _samples(batch: Any) -> List[str]:
    if not isinstance(batch, dict) or 'data_samples' not in batch:
        return ['  unknown']
    lines = []
    for clip, sample in zip(batch['inputs'], batch['data_samples']):
        fields = sample.get('gt_fields')
        bad = [
            name for name, value in (('its frames', clip),
                                     ('its target heatmaps',
                                      fields and fields.get('heatmaps')))
            if isinstance(value, Tensor) and not value.isfinite().all()
        ]
        lines.append(f'  {name_sample(sample.metainfo)}' + (
            f'  <- {" and ".join(bad)} are not finite' if bad else ''))
    return lines
