"""How much two sets of vectors depend on each other, from samples.

Two estimates that no loss of this package uses:

- **HSIC** (Gretton et al., "Measuring Statistical Dependence with
  Hilbert-Schmidt Norms", ALT 2005), with Gaussian kernels whose width is the
  median distance between samples, unbiased (Song et al., "Feature Selection
  via Dependence Maximization", JMLR 2012), and normalised to
  HSIC(x, y) / sqrt(HSIC(x, x) HSIC(y, y)): about 0 for independent and 1 for
  equal x and y, whatever their scale. It sees every kind of dependence.
- **Linear CKA**, the same with the inner product as the kernel: it sees
  linear dependence.

Shape shorthand: n samples, p and q features.
"""
import torch
from torch import Tensor

#: Below it a product of two variances is that of constant samples.
ROUNDING = 1e-24


def normalised_hsic(x: Tensor, y: Tensor) -> float:
    """Normalised HSIC with Gaussian kernels.

    Args:
        x (Tensor): Samples, (n, p), n at least 4.
        y (Tensor): The same samples' other vectors, (n, q).

    Returns:
        float: About 0 if independent (the unbiased estimate may be a little
        below), 1 if equal up to scale; 0 if either is constant.
    """
    return _normalised(_gaussian_kernel(x), _gaussian_kernel(y))


def linear_cka(x: Tensor, y: Tensor) -> float:
    """Linear CKA; arguments and result as :func:`normalised_hsic`."""
    x, y = _standard(x), _standard(y)
    return _normalised(x @ x.t(), y @ y.t())


def unbiased_hsic(kernel_x: Tensor, kernel_y: Tensor) -> Tensor:
    """Unbiased estimate of HSIC from two kernel matrices.

    Args:
        kernel_x (Tensor): (n, n).
        kernel_y (Tensor): (n, n).

    Returns:
        Tensor: A scalar.

    Raises:
        ValueError: With fewer than four samples.
    """
    n = len(kernel_x)
    if n < 4:
        raise ValueError(f'HSIC needs at least 4 samples, got {n}')
    k, m = (x - torch.diag(torch.diagonal(x)) for x in (kernel_x, kernel_y))
    sums = k.sum(dim=0) @ m.sum(dim=0)
    trace = (k * m).sum()
    product = k.sum() * m.sum() / ((n - 1) * (n - 2))
    return (trace + product - 2 * sums / (n - 2)) / (n * (n - 3))


def _normalised(kernel_x: Tensor, kernel_y: Tensor) -> float:
    own = (
        unbiased_hsic(kernel_x, kernel_x) * unbiased_hsic(kernel_y, kernel_y))
    if own <= ROUNDING:
        return 0.
    return float(unbiased_hsic(kernel_x, kernel_y) / own.sqrt())


def _standard(samples: Tensor) -> Tensor:
    """Centred samples of a mean square of 1, unless they are constant."""
    samples = samples.double()
    samples = samples - samples.mean(dim=0)
    scale = samples.square().mean().sqrt()
    return samples / scale if scale > 0 else samples


def _gaussian_kernel(samples: Tensor) -> Tensor:
    samples = _standard(samples)
    squared = torch.cdist(
        samples, samples,
        compute_mode='donot_use_mm_for_euclid_dist').square()
    n = len(samples)
    others = squared[~torch.eye(n, dtype=torch.bool, device=samples.device)]
    width = others.median()
    if width <= 0:
        # more than half of the samples are equal: any width tells them apart
        width = others.mean().clamp_min(torch.finfo(squared.dtype).tiny)
    return torch.exp(-squared / (2 * width))
