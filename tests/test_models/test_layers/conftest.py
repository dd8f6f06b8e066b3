"""What some versions of torch cannot do with these layers."""
import pytest
import torch
import torch.nn.functional as F
from torch import nn


@pytest.fixture(scope='session')
def needs_second_derivatives() -> None:
    """Skips where torch does not differentiate grid_sample twice."""
    x = torch.rand(1, 1, 2, 2, requires_grad=True)
    grid = torch.zeros(1, 1, 1, 2, requires_grad=True)
    sample = F.grid_sample(x, grid, align_corners=False).sum()
    first, = torch.autograd.grad(sample, grid, create_graph=True)
    try:
        first.sum().backward()
    except RuntimeError as error:
        if 'not implemented' not in str(error):
            raise
        pytest.skip(f'torch {torch.__version__} does not differentiate '
                    'grid_sample twice')


class WithoutAutocast(nn.Module):
    """The smallest module that turns autocast off."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.autocast('cpu', enabled=False):
            return x + 1


@pytest.fixture(scope='session')
def needs_export_without_autocast() -> None:
    """Skips where torch exports no module that turns autocast off."""
    try:
        torch.export.export(WithoutAutocast(), (torch.zeros(1), ))
    except Exception as error:
        if type(error).__name__ != 'SpecViolationError':
            raise
        pytest.skip(f'torch {torch.__version__} exports no module that turns '
                    'autocast off')
