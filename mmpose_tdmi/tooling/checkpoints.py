"""Checkpoints to publish, and averages of several.

A training's checkpoint holds the optimiser, its schedulers and the log
besides the weights. What is published has the weights and what loading them
needs, and its name ends in the first eight digits of its SHA-256, which
torch's and MMEngine's downloads check.
"""
import hashlib
import io
import re
from datetime import date
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Union

import torch
from torch import Tensor

from mmpose_tdmi.utils.checkpoint_safety import allow_runner_checkpoints
from mmpose_tdmi.utils.files import atomic_path

PathLike = Union[str, Path]

#: What of ``meta`` is published: no host names, no seeds, no paths.
META_KEYS = ('dataset_meta', 'mmengine_version', 'epoch', 'iter')

_PUBLISHED_NAME = re.compile(r'-[0-9a-f]{8}_\d{8}$')


def load_checkpoint_file(path: PathLike) -> Dict[str, Any]:
    """Load a Runner's checkpoint, or a bare state dict, without pickles.

    Args:
        path (str | Path): The file.

    Returns:
        dict: With ``state_dict``.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it holds no weights.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'checkpoint {path} does not exist')
    allow_runner_checkpoints()
    content = torch.load(path, map_location='cpu', weights_only=True)
    if isinstance(content, dict) and 'state_dict' not in content:
        content = dict(state_dict=content)
    weights = content.get('state_dict') if isinstance(content, dict) else None
    if not isinstance(weights, dict) or not weights or not all(
            isinstance(value, Tensor) for value in weights.values()):
        raise ValueError(f'{path}: expected a checkpoint with the tensors of '
                         'a model (state_dict)')
    return content


def check_finite(path: PathLike, weights: Dict[str, Tensor]) -> None:
    """Refuse weights of a training that has diverged.

    Raises:
        ValueError: If a weight is not finite; the message names it.
    """
    for name, value in weights.items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            bad = int((~torch.isfinite(value)).sum())
            raise ValueError(f'{path}: {name} has {bad} values that are not '
                             'finite')


def publish(path: PathLike,
            out: PathLike,
            drop: Sequence[str] = (),
            today: Optional[date] = None) -> Path:
    """Write what of a checkpoint is to be published.

    The weights of a training with an exponential moving average are the
    averaged ones: MMEngine's hook stores them as ``state_dict``.

    Args:
        path (str | Path): The training's checkpoint.
        out (str | Path): The published file without the ending of its name,
            with or without ``.pth``.
        drop (Sequence[str]): Weights whose names begin so are left out.
            Defaults to none.
        today (date, optional): The date in the name. Defaults to today.

    Returns:
        Path: The file, ``<out>-<hash>_<date>.pth``.

    Raises:
        FileNotFoundError, ValueError: See :func:`load_checkpoint_file` and
            :func:`check_finite`; also if something to drop is not there.
    """
    content = load_checkpoint_file(path)
    weights = content['state_dict']
    for prefix in drop:
        kept = {
            name: value
            for name, value in weights.items() if not name.startswith(prefix)
        }
        if len(kept) == len(weights):
            raise ValueError(f'{path}: no weight begins with {prefix!r}')
        weights = kept
    check_finite(path, weights)
    meta = content.get('meta', {})
    published = dict(
        meta={key: meta[key]
              for key in META_KEYS if key in meta},
        state_dict={
            name: value.detach().clone().contiguous()
            for name, value in weights.items()
        })
    out = Path(out)
    stem = _PUBLISHED_NAME.sub('',
                               out.stem if out.suffix == '.pth' else out.name)
    # through memory: the name, which depends on the content, is not known
    # before, and torch stores the name of a file that it writes itself
    buffer = io.BytesIO()
    torch.save(published, buffer)
    digest = hashlib.sha256(buffer.getbuffer()).hexdigest()
    final = out.with_name(
        f'{stem}-{digest[:8]}_{today or date.today():%Y%m%d}.pth')
    with atomic_path(final) as temporary:
        temporary.write_bytes(buffer.getbuffer())
    return final


def average(paths: Sequence[PathLike],
            weights: Optional[Sequence[float]] = None) -> Dict[str, Any]:
    """Average checkpoints of one model.

    Floating-point weights, running statistics of normalisation layers
    included, are averaged in double precision; integers (counters) are those
    of the last checkpoint.

    Args:
        paths (Sequence[str | Path]): At least two, in the order of training.
        weights (Sequence[float], optional): How much each counts; they are
            divided by their sum. Defaults to None, equally.

    Returns:
        dict: ``meta`` of the last, with ``averaged`` (the files' names), and
        ``state_dict``.

    Raises:
        ValueError: If the checkpoints differ in names, shapes or types, are
            fewer than two, are not finite, or the weights do not fit.
    """
    if len(paths) < 2:
        raise ValueError(f'an average takes two checkpoints or more, got '
                         f'{len(paths)}')
    shares = [1.] * len(paths) if weights is None else list(weights)
    if len(shares) != len(paths) or min(shares) < 0 or sum(shares) <= 0:
        raise ValueError(f'expected {len(paths)} weights >= 0, not all 0, got '
                         f'{shares}')
    total: Dict[str, Tensor] = {}
    like: Dict[str, tuple] = {}
    for path, share in zip(paths, shares):
        content = load_checkpoint_file(path)
        state = content['state_dict']
        check_finite(path, state)
        if like:
            _check_alike(paths[0], like, path, state)
        like = {
            name: (value.shape, value.dtype)
            for name, value in state.items()
        }
        for name, value in state.items():
            if not value.is_floating_point():
                total[name] = value
            else:
                part = value.double() * (share / sum(shares))
                total[name] = total[name] + part if name in total else part
    meta = dict(content.get('meta', {}))
    meta['averaged'] = [Path(path).name for path in paths]
    return dict(
        meta=meta,
        state_dict={
            name: value.to(like[name][1])
            for name, value in total.items()
        })


def save_average(paths: Sequence[PathLike],
                 out: PathLike,
                 weights: Optional[Sequence[float]] = None) -> None:
    """Write the average of checkpoints, whole or not at all.

    Args:
        paths, weights: See :func:`average`.
        out (str | Path): The file.

    Raises:
        ValueError: See :func:`average`.
    """
    content = average(paths, weights)
    with atomic_path(out) as temporary:
        torch.save(content, temporary)


def last_checkpoints(work_dir: PathLike, count: int) -> List[Path]:
    """The last checkpoints of a training, oldest first.

    Args:
        work_dir (str | Path): Its work folder.
        count (int): How many.

    Returns:
        list[Path]: ``epoch_*.pth``, or ``iter_*.pth`` where there are none.

    Raises:
        ValueError: If there are fewer.
    """
    for kind in ('epoch', 'iter'):
        found = sorted(
            Path(work_dir).glob(f'{kind}_*.pth'),
            key=lambda path: int(path.stem.split('_')[1]))
        if found:
            break
    if len(found) < count:
        raise ValueError(f'{work_dir} holds {len(found)} checkpoints '
                         f'(epoch_*.pth or iter_*.pth), expected {count}')
    return found[-count:]


def _check_alike(first: PathLike, like: dict, path: PathLike,
                 state: Dict[str, Tensor]) -> None:
    differing = sorted(set(like) ^ set(state))
    if differing:
        raise ValueError(f'{path} and {first} are of different models: '
                         f'{differing[:3]} are in one alone')
    for name, value in state.items():
        if like[name] != (value.shape, value.dtype):
            raise ValueError(
                f'{path}: {name} is {tuple(value.shape)} {value.dtype}, in '
                f'{first} {tuple(like[name][0])} {like[name][1]}')
