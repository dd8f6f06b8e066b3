"""The demo's pictures: a contact sheet of poses and the loss curves."""
import json
from pathlib import Path
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import ScalarFormatter
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from PIL import Image

from mmpose_tdmi.utils.files import atomic_path
from .cases import Case


def contact_sheet(cases: Sequence[Case],
                  models: Mapping[str, str],
                  path: Path,
                  title: str,
                  truth: str = 'ground truth') -> None:
    """Draw true and predicted poses side by side, a row a person.

    Args:
        cases (Sequence[Case]): The persons.
        models (Mapping[str, str]): Name in ``Case.predictions`` -> title.
        path (Path): The picture, png.
        title (str): Heading.
        truth (str): What the cases' own poses are called. Defaults to
            ``'ground truth'``.
    """
    columns = 2 if len(cases) > 3 else 1
    panels = 1 + len(models)
    rows = -(-len(cases) // columns)
    width, height = columns * panels, rows
    figure = Figure(figsize=(1.75 * width, 2.45 * height + 0.6), dpi=110)
    axes = figure.subplots(height, width, squeeze=False)
    for axis in axes.flat:
        axis.axis('off')
    style = _skeleton()
    for index, case in enumerate(cases):
        row, column = index % rows, index // rows * panels
        crop, origin = _crop(case)
        poses = {truth: case.keypoints}
        poses.update({
            label: case.predictions.get(name)
            for name, label in models.items()
        })
        for axis, (label, pose) in zip(axes[row, column:], poses.items()):
            axis.imshow(crop)
            axis.set_title(label, fontsize=8)
            if pose is None:
                axis.set_title(f'{label}: none', fontsize=8)
            else:
                hidden = case.occluded if label == truth else None
                _draw(axis, pose - origin, case.labelled, style, hidden)
            axis.set_xlim(0, crop.shape[1])
            axis.set_ylim(crop.shape[0], 0)
    figure.suptitle(title, fontsize=10)
    figure.tight_layout(rect=(0, 0, 1, 1 - 0.3 / (2.45 * height + 0.6)))
    with atomic_path(path) as temporary:
        figure.savefig(temporary)


def loss_curves(runs: Mapping[str, Path], path: Path) -> None:
    """Draw every logged loss term of some trainings over their iterations.

    Args:
        runs (Mapping[str, Path]): Title -> work folder of the training.
        path (Path): The picture, png.

    Raises:
        FileNotFoundError: If a folder holds no log.
    """
    logs = {title: read_scalars(folder) for title, folder in runs.items()}
    figure = Figure(figsize=(6.5, 2.9 * len(logs)), dpi=110)
    axes = figure.subplots(len(logs), 1, squeeze=False)[:, 0]
    for axis, (title, scalars) in zip(axes, logs.items()):
        for name, (steps, values) in sorted(scalars.items()):
            if 'loss' in name:
                axis.plot(steps, values, label=name, linewidth=1.2)
        # terms of both signs need symlog; alike positive ones, plain numbers
        shown = [v for name, (_, v) in scalars.items() if 'loss' in name]
        if min(map(min, shown)) <= 1e-3:
            axis.set_yscale('symlog', linthresh=1e-3)
        else:
            axis.set_yscale('log')
            axis.yaxis.set_minor_formatter(ScalarFormatter())
            axis.yaxis.set_major_formatter(ScalarFormatter())
            axis.tick_params(which='minor', labelsize=7)
        axis.set_title(title, fontsize=10)
        axis.set_xlabel('iteration', fontsize=8)
        axis.tick_params(labelsize=7)
        axis.grid(alpha=0.3)
        axis.legend(fontsize=6, loc='center left', bbox_to_anchor=(1.01, 0.5))
    figure.tight_layout()
    with atomic_path(path) as temporary:
        figure.savefig(temporary)


def read_scalars(work_dir: Path) -> Dict[str, Tuple[List[float], List[float]]]:
    """Read what a training logged, over all its resumed runs.

    Args:
        work_dir (Path): The training's work folder.

    Returns:
        dict[str, tuple]: Name -> (iterations, values), iterations ascending;
        where a resumed run repeated iterations, the later run's values.

    Raises:
        FileNotFoundError: If there is no log.
    """
    files = sorted(work_dir.glob('*/vis_data/scalars.json'))
    if not files:
        raise FileNotFoundError(f'{work_dir} holds no training log '
                                '(*/vis_data/scalars.json)')
    values: Dict[str, Dict[float, float]] = {}
    for file in files:
        for line in file.read_text(encoding='utf-8').splitlines():
            record = json.loads(line)
            if 'loss' not in record:
                continue  # a validation record
            for name, value in record.items():
                if isinstance(value, (int, float)):
                    values.setdefault(name, {})[record['step']] = value
    return {
        name: ([k for k, _ in sorted(per_step.items())],
               [v for _, v in sorted(per_step.items())])
        for name, per_step in values.items()
    }


def _skeleton() -> Tuple[List[Tuple[int, int]], np.ndarray, np.ndarray]:
    """Links (L, 2), link colours (L, 3) and joint colours (K, 3) in 0..1."""
    meta = parse_pose_metainfo(
        dict(from_file='configs/_base_/datasets/posetrack18.py'))
    return (meta['skeleton_links'],
            np.asarray(meta['skeleton_link_colors']) / 255,
            np.asarray(meta['keypoint_colors']) / 255)


def _crop(case: Case) -> Tuple[np.ndarray, np.ndarray]:
    """The frame around a person, and the crop's origin in the frame."""
    image = np.asarray(Image.open(case.image).convert('RGB'))
    x, y, w, h = case.bbox
    margin = 0.2 * max(w, h)
    left, top = max(int(x - margin), 0), max(int(y - margin), 0)
    crop = image[top:int(y + h + margin), left:int(x + w + margin)]
    return crop, np.array([left, top])


def _draw(axis: Axes, pose: np.ndarray, shown: np.ndarray, style: Tuple,
          hidden: Optional[np.ndarray]) -> None:
    links, link_colors, joint_colors = style
    for (a, b), color in zip(links, link_colors):
        if shown[a] and shown[b]:
            axis.plot(*pose[[a, b]].T, color=color, linewidth=1.5)
    for k in np.flatnonzero(shown):
        hollow = hidden is not None and hidden[k]
        axis.plot(
            *pose[k],
            'o',
            markersize=3.5,
            color=joint_colors[k],
            markerfacecolor='none' if hollow else joint_colors[k])
