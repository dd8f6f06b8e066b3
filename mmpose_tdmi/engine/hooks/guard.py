"""Stop a training before a loss or gradient that is not finite spoils it.

Shape shorthand: none.
"""
from typing import Any, Dict, List, Optional

import torch
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapperDict
from mmengine.runner import Runner
from mmpose.registry import HOOKS
from torch import Tensor, nn

from mmpose_tdmi.datasets.sequence_dataset import name_sample

#: How many parameters, and how many samples, a message names.
MAX_NAMES = 5
MAX_SAMPLES = 64


class NonFiniteError(FloatingPointError):
    """A loss or a gradient is NaN or infinite."""


@HOOKS.register_module()
class NonFiniteGuardHook(Hook):
    """Raise an error on NaN and infinity, before the optimiser's step.

    Losses are looked at between forward and backward pass, gradients between
    backward pass and step: weights, optimiser and the last checkpoint stay
    as they were. The message names the loss terms, the iteration, the
    samples of the batch, and which of them came with values that are not
    finite. The cost is one number more read from the device an iteration,
    two with ``gradients``.

    With fp16 and a dynamic loss scale, gradients overflow now and then; the
    scaler leaves such a step out, and this hook does not see it.

    Args:
        gradients (bool): Look at gradients, too. Defaults to True.

    Raises:
        NonFiniteError: While training, see above.
    """

    priority = 'VERY_LOW'

    def __init__(self, gradients: bool = True) -> None:
        self.gradients = gradients
        self._handles: list = []
        self._runner: Optional[Runner] = None
        self._batch: Any = None

    def before_train(self, runner: Runner) -> None:
        """Look at the model's losses and the optimiser's steps."""
        self._runner = runner
        self._release()
        model = _module(runner)
        self._handles.append(model.register_forward_hook(self._check_losses))
        if self.gradients:
            wrappers = [runner.optim_wrapper]
            if isinstance(runner.optim_wrapper, OptimWrapperDict):
                wrappers = list(runner.optim_wrapper.values())
            for wrapper in wrappers:
                self._handles.append(
                    wrapper.optimizer.register_step_pre_hook(
                        self._check_gradients))

    def before_train_iter(self,
                          runner: Runner,
                          batch_idx: int,
                          data_batch: Optional[dict] = None) -> None:
        """Keep the batch, to name its samples."""
        self._batch = data_batch

    def after_train(self, runner: Runner) -> None:
        """Let go of model and optimiser."""
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
        values = {k: _total(v) for k, v in output.items() if 'loss' in k}
        if not values or torch.stack([v.float() for v in values.values()
                                      ]).sum().isfinite():
            return
        values = {k: float(v) for k, v in values.items()}
        bad = {k: v for k, v in values.items() if not _is_finite(v)}
        if not bad:  # only their sum overflows
            bad = values
        good = {k: v for k, v in values.items() if k not in bad}
        lines = [f'the loss is not finite: {_shown(bad)}']
        if good:
            lines.append(f'the other terms: {_shown(good)}')
        self._stop(lines)

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
            name for name, p in _module(self._runner).named_parameters()
            if p.grad is not None and not p.grad.isfinite().all()
        ]
        if bad:  # else the norm alone overflows
            self._stop([
                f'the gradient of {len(bad)} parameters is not finite, though '
                f'the loss is: {", ".join(bad[:MAX_NAMES])}'
                f'{" ..." if len(bad) > MAX_NAMES else ""}'
            ])

    def _stop(self, lines: List[str]) -> None:
        runner = self._runner
        rates = {k: v[0] for k, v in runner.optim_wrapper.get_lr().items()}
        last = runner.message_hub.runtime_info.get('last_ckpt')
        samples = _samples(self._batch)
        lines = [
            f'epoch {runner.epoch + 1}, iteration {runner.iter + 1} of '
            f'{runner.max_iters}: {lines[0]}', *lines[1:],
            f'learning rate: {_shown(rates)}',
            'the weights are those before this iteration; last checkpoint: '
            f'{last or "none yet"}', 'samples of the batch in this process:',
            *samples[:MAX_SAMPLES]
        ]
        if len(samples) > MAX_SAMPLES:
            lines.append(f'  and {len(samples) - MAX_SAMPLES} more')
        raise NonFiniteError('\n'.join(lines))


def _module(runner: Runner) -> nn.Module:
    model = runner.model
    return model.module if is_model_wrapper(model) else model


def _total(value: Any) -> Tensor:
    """A loss as the host takes it: the mean, summed over a list."""
    if isinstance(value, Tensor):
        return value.detach().mean()
    return sum(v.detach().mean() for v in value)


def _is_finite(value: float) -> bool:
    return value - value == 0


def _shown(values: Dict[str, float]) -> str:
    return ', '.join(f'{k} = {v:.6g}' for k, v in values.items())


def _samples(batch: Any) -> List[str]:
    """A line for each sample of a batch."""
    if not isinstance(batch, dict) or 'data_samples' not in batch:
        return ['  unknown']
    lines = []
    inputs = batch.get('inputs', ())
    for place, sample in enumerate(batch['data_samples']):
        line = f'  {name_sample(sample.metainfo)}'
        fields = sample.get('gt_fields')
        bad = [
            name for name, value in (
                ('its frames', inputs[place] if place < len(inputs) else None),
                ('its target heatmaps', fields and fields.get('heatmaps')))
            if isinstance(value, Tensor) and not value.isfinite().all()
        ]
        if bad:
            line += f'  <- {" and ".join(bad)} are not finite'
        lines.append(line)
    return lines
