"""Pictures of clips while a model is trained, validated or tested.

The host's hook draws the key frame alone. This one takes its options, so that
``tools/test.py --show-dir`` works as ever, and adds the clip, heatmaps, and
the motion features of Section 3.2 of the paper.

Shape shorthand: T frames of a clip, H x W pixels of a crop.
"""
from pathlib import Path
from typing import List, Optional, Sequence

import cv2
import mmcv
import mmengine.fileio as fileio
import numpy as np
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from mmpose.engine.hooks import PoseVisualizationHook
from mmpose.registry import HOOKS
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

from mmpose_tdmi.utils.files import atomic_path
from mmpose_tdmi.visualization.clip_pictures import (MAPS, PosePainter,
                                                     clip_maps,
                                                     prediction_picture,
                                                     training_picture)


@HOOKS.register_module()
class ClipVisualizationHook(PoseVisualizationHook):
    """Draw clips with predictions, heatmaps and motion features.

    In validation the first sample of every ``interval``-th batch is drawn,
    in tests every ``interval``-th sample, in training the first sample of
    every ``train_interval``-th iteration. Pictures of tests go to ``out_dir``
    if it is given, and otherwise, like all others, to the visualiser's
    backends (``vis_data/vis_image``, TensorBoard, WandB).

    Maps are made by running the drawn clip once more, by itself, in eval
    mode: without it nothing is changed or slowed down, and with a flip test
    they are those of the unflipped clip.

    Args:
        enable (bool): Whether to draw; ``--show-dir`` sets it. Defaults to
            ``False``.
        interval (int): See above. Defaults to 50.
        kpt_thr (float): Keypoints of a lower score are not drawn. Defaults
            to 0.3.
        show (bool): Show pictures in a window. Defaults to ``False``.
        wait_time (float): For how many seconds. Defaults to 0, until a key.
        out_dir (str, optional): Folder for a test's pictures, below the
            run's own folder unless absolute. Their names are
            ``<video>_<frame>_id<sample>.jpg``.
        backend_args (dict, optional): File backend of the images.
        train_interval (int): See above; 0 draws none. Defaults to 0.
        maps (Sequence[str]): Which maps to draw, of
            :data:`~mmpose_tdmi.visualization.feature_maps.MAPS`; those that
            the model's head does not make are left out. Defaults to
            ``('heatmap', 'useful', 'noisy')``.
        height (int): Height of frames in the pictures, pixels. Defaults to
            192.

    Raises:
        ValueError: If ``interval``, ``train_interval`` or ``height`` is out
            of range or a map is unknown.
    """

    def __init__(self,
                 enable: bool = False,
                 interval: int = 50,
                 kpt_thr: float = 0.3,
                 show: bool = False,
                 wait_time: float = 0.,
                 out_dir: Optional[str] = None,
                 backend_args: Optional[dict] = None,
                 train_interval: int = 0,
                 maps: Sequence[str] = ('heatmap', 'useful', 'noisy'),
                 height: int = 192) -> None:
        for name, value, low in (('interval', interval,
                                  1), ('train_interval', train_interval, 0),
                                 ('height', height, 16)):
            if isinstance(value,
                          bool) or not isinstance(value, int) or value < low:
                raise ValueError(f'{name} must be an integer of at least '
                                 f'{low}, got {value!r}')
        unknown = sorted(set(maps) - set(MAPS))
        if unknown:
            raise ValueError(
                f'maps must be among {tuple(MAPS)}, got {unknown}')
        super().__init__(enable, interval, kpt_thr, show, wait_time, out_dir,
                         backend_args)
        self.train_interval = train_interval
        self.maps = tuple(maps)
        self.height = height

    def after_train_iter(self,
                         runner: Runner,
                         batch_idx: int,
                         data_batch: Optional[dict] = None,
                         outputs: Optional[dict] = None) -> None:
        """Draw the first sample of every so many iterations."""
        if (not self.enable or not self.train_interval
                or not self.every_n_train_iters(runner, self.train_interval)):
            return
        clip, sample = (
            data_batch[key][0] for key in ('inputs', 'data_samples'))
        maps = clip_maps(unwrapped(runner.model), clip, sample, self.maps)
        self._give('train_img',
                   training_picture(clip, sample, maps, self.height),
                   runner.iter + 1)

    def after_val_iter(self, runner: Runner, batch_idx: int, data_batch: dict,
                       outputs: Sequence[PoseDataSample]) -> None:
        """Draw the first sample of every so many batches."""
        if not self.enable or batch_idx % self.interval:
            return
        picture = self._predicted(runner, data_batch['inputs'][0], outputs[0],
                                  runner.val_evaluator.dataset_meta)
        self._give('val_img', picture, runner.iter + batch_idx)

    def after_test_iter(self, runner: Runner, batch_idx: int, data_batch: dict,
                        outputs: Sequence[PoseDataSample]) -> None:
        """Draw every so many samples."""
        if not self.enable:
            return
        for clip, sample in zip(data_batch['inputs'], outputs):
            self._test_index += 1
            if (self._test_index - 1) % self.interval:
                continue
            picture = self._predicted(runner, clip, sample,
                                      runner.test_evaluator.dataset_meta)
            if self.out_dir is None:
                self._give('test_img', picture, self._test_index)
                continue
            write_picture(
                picture_folder(runner, self.out_dir) /
                f'{sample_name(sample)}.jpg', picture)
            if self.show:
                self._give(sample_name(sample), picture, self._test_index)

    def _predicted(self, runner: Runner, clip: Tensor, sample: PoseDataSample,
                   dataset_meta: dict) -> np.ndarray:
        maps = clip_maps(unwrapped(runner.model), clip, sample, self.maps)
        painter = PosePainter(dataset_meta, self.height, self.kpt_thr)
        return prediction_picture(
            read_image(sample, self.backend_args), clip, sample, painter, maps)

    def _give(self, name: str, picture: np.ndarray, step: int) -> None:
        """Hand a picture to the window or the visualiser's backends."""
        picture = np.ascontiguousarray(picture[..., ::-1])
        if self.show:
            self._visualizer.show(
                picture, win_name=name, wait_time=self.wait_time)
        else:
            self._visualizer.add_image(name, picture, step)


def unwrapped(model: nn.Module) -> nn.Module:
    """A model without the wrapper of distributed training."""
    return model.module if is_model_wrapper(model) else model


def picture_folder(runner: Runner, out_dir: str) -> Path:
    """``out_dir`` in the run's own folder, unless it is absolute."""
    return Path(runner.work_dir) / runner.timestamp / out_dir


def sample_name(sample: PoseDataSample) -> str:
    """A sample's name for files: video, frame and the sample's own id."""
    path = Path(sample.metainfo['img_path'])
    return f'{path.parent.name}_{path.stem}_id{sample.metainfo["id"]}'


def read_image(sample: PoseDataSample,
               backend_args: Optional[dict]) -> np.ndarray:
    """The image of a sample's key frame, (H, W, 3), uint8, BGR.

    Raises:
        ValueError: If it cannot be decoded.
    """
    path = sample.metainfo['img_path']
    image = mmcv.imfrombytes(fileio.get(path, backend_args=backend_args))
    if image is None:
        raise ValueError(f'{path} cannot be decoded as an image')
    return image


def write_picture(path: Path, picture: np.ndarray) -> None:
    """Write a picture, (H, W, 3), uint8, BGR, whole or not at all.

    Raises:
        OSError: If it cannot be written.
    """
    with atomic_path(path) as temporary:
        options: List[int] = [cv2.IMWRITE_JPEG_QUALITY, 92]
        if not cv2.imwrite(str(temporary), picture, options):
            raise OSError(f'{path} cannot be written')
