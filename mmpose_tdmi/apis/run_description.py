"""What results say about how they came about.

Shape shorthand: none.
"""
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Optional, Sequence, Union

from mmengine.config import Config

from mmpose_tdmi.video.decoding import VideoSource
from mmpose_tdmi.video.results import VideoMeta
from mmpose_tdmi.video.streaming import StreamingPoseEstimator
from .detection_job import file_digest
from .inference_settings import InferenceSettings

ConfigLike = Union[str, Path, Config]


@dataclass(frozen=True)
class ModelDescription:
    """What an inferencer's models are made from.

    Args:
        pose2d (str | Path | Config): The pose model's config.
        pose2d_weights (str | Path): Its checkpoint.
        cfg_options (dict, optional): Changes to the config.
        det_model (str | Path | Config, optional): The detector's config.
        det_weights (str | Path, optional): Its checkpoint.
        det_cat_ids (int | Sequence[int], optional): Its classes of persons.
    """
    pose2d: ConfigLike
    pose2d_weights: Union[str, Path]
    cfg_options: Optional[dict] = None
    det_model: Optional[ConfigLike] = None
    det_weights: Union[str, Path, None] = None
    det_cat_ids: Union[int, Sequence[int], None] = None

    def meta(self, source: VideoSource, estimator: StreamingPoseEstimator,
             settings: InferenceSettings) -> VideoMeta:
        """What the results of a video say.

        Args:
            source (VideoSource): The video.
            estimator (StreamingPoseEstimator): What estimates its poses.
            settings (InferenceSettings): The call's.

        Returns:
            VideoMeta: Everything that the poses depend on.
        """
        width, height = source.size
        return VideoMeta(
            input=source.input,
            name=source.name,
            width=width,
            height=height,
            fps=source.fps,
            num_frames=source.num_frames,
            dataset_meta=estimator.model.dataset_meta,
            config=_text(self.pose2d),
            checkpoint=str(self.pose2d_weights),
            frame_offsets=estimator.window.offsets,
            padding=estimator.padding,
            mode=settings.mode,
            boxes=self._boxes(settings),
            settings=dict(settings.as_json(), cfg_options=self.cfg_options))

    def _boxes(self, settings: InferenceSettings) -> Dict[str, Any]:
        """Where the boxes come from, as plain values."""
        if isinstance(settings.boxes, (str, Path)):
            ann_file = settings.ann_file
            return dict(
                file=str(settings.boxes),
                sha256=file_digest(settings.boxes),
                ann_file=None if ann_file is None else str(ann_file),
                score_thr=settings.bbox_thr)
        if settings.boxes is not None:
            return dict(given=type(settings.boxes).__name__)
        if self.det_weights is None:
            return dict(det_model=_text(self.det_model))
        return dict(
            det_model=_text(self.det_model),
            det_weights=str(self.det_weights),
            det_cat_ids=self.det_cat_ids,
            score_thr=settings.bbox_thr,
            nms_thr=settings.nms_thr)


def _text(config: ConfigLike) -> str:
    return str(config.filename if isinstance(config, Config) else config)
