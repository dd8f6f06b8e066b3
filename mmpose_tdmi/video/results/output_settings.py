"""What is written of a video, and where.

Shape shorthand: none.
"""
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Optional, Sequence

from .exports import EXPORTS, FILE_NAMES


@dataclass(frozen=True)
class OutputSettings:
    """What is written of a video.

    Args:
        pred_out_dir (Path, optional): Folder of the files in ``formats``.
            Defaults to None, none is written.
        vis_out_dir (Path, optional): Folder of the overlay video. Defaults
            to None, none is written.
        formats (Sequence[str]): Some of ``'json'``, ``'csv'``,
            ``'posetrack'`` and ``'coco'``. Defaults to ``('json', )``.
        overlay (bool): Whether there is an overlay video in ``vis_out_dir``.
            Defaults to ``True``.
        report (bool): Whether there is a page to look at the results with,
            in ``vis_out_dir`` or, without one, in ``pred_out_dir``. Defaults
            to ``False``.
        kpt_thr (float): Keypoints with a lower score are not drawn. Defaults
            to 0.3.
        trail (int): For how many frames trails are drawn. Defaults to 30.
        draw_heatmap (bool): Whether heatmaps are drawn, which the poses must
            have. Defaults to ``False``.
        draw_motion (bool): Whether motion features are drawn, likewise.
            Defaults to ``False``.
        resume (bool): Whether to go on where an interrupted run with the
            same fingerprint was. Defaults to ``False``.

    Raises:
        ValueError: If a format is unknown, or nothing would be written.
    """
    pred_out_dir: Optional[Path] = None
    vis_out_dir: Optional[Path] = None
    formats: Sequence[str] = ('json', )
    overlay: bool = True
    report: bool = False
    kpt_thr: float = 0.3
    trail: int = 30
    draw_heatmap: bool = False
    draw_motion: bool = False
    resume: bool = False

    def __post_init__(self) -> None:
        unknown = [name for name in self.formats if name not in EXPORTS]
        if unknown:
            raise ValueError(f'formats {unknown} are not known, expected some '
                             f'of {list(EXPORTS)}')
        if self.pred_out_dir is None and self.vis_out_dir is None:
            raise ValueError('neither pred_out_dir nor vis_out_dir is given: '
                             'there is nowhere to write to')

    def files(self, name: str) -> Dict[str, Path]:
        """Where the files of a video go.

        Args:
            name (str): The video's name.

        Returns:
            dict[str, Path]: By format, ``'overlay'`` and ``'report'``.
        """
        found = {}
        if self.pred_out_dir is not None:
            for key in self.formats:
                found[key] = (
                    Path(self.pred_out_dir) / FILE_NAMES[key].format(name))
        if self.vis_out_dir is not None and self.overlay:
            found['overlay'] = Path(self.vis_out_dir) / f'{name}.mp4'
        if self.report:
            folder = self.vis_out_dir or self.pred_out_dir
            found['report'] = Path(folder) / f'{name}.html'
        return found
