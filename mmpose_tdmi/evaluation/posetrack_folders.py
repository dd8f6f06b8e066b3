"""Folders of official json files, as ``poseval.evaluate`` takes them.

Shape shorthand: none; see ``functional/pose_sequences``.
"""
from pathlib import Path
from typing import Dict, List, Sequence, Tuple, Union

from .functional import (AnnotatedSequence, PredictedSequence, pair_frames,
                         read_annotations, read_predictions)
from .posetrack_evaluation import PoseTrackEvaluator, PoseTrackScores

PathLike = Union[str, Path]


def evaluate_folders(gt_dir: PathLike,
                     pred_dir: PathLike,
                     metrics: Sequence[str] = ('ap', ),
                     presence: str = 'poseval',
                     unlabelled: str = 'skip',
                     hota_as_released: bool = True) -> PoseTrackScores:
    """Score a folder of predictions against one of ground truth.

    Files are in PoseTrack17's or PoseTrack18's format, either in each folder,
    one per video. A prediction file has the name of its ground truth and
    lists the same frames; as in poseval, one that is missing or lacks frames
    is an error. Files are read in alphabetical order.

    Args:
        gt_dir (str | Path): The folder of the ground truth.
        pred_dir (str | Path): The folder of the predictions.
        metrics (Sequence[str]): See :class:`PoseTrackEvaluator`.
        presence (str): See :class:`PoseTrackEvaluator`.
        unlabelled (str): See :class:`PoseTrackEvaluator`.
        hota_as_released (bool): See :class:`PoseTrackEvaluator`.

    Returns:
        PoseTrackScores: The results.

    Raises:
        FileNotFoundError: If a folder or prediction file is missing.
        ValueError: If a file is malformed, two hold the same video, the
            frames of a video and its predictions differ, or there is nothing
            to score.
    """
    evaluator = PoseTrackEvaluator(metrics, presence, unlabelled,
                                   hota_as_released)
    pairs, unused = _file_pairs(Path(gt_dir), Path(pred_dir))
    owners: Dict[str, Path] = {}
    for gt_file, pred_file in pairs:
        annotated = read_annotations(gt_file)
        predicted = read_predictions(pred_file)
        folder = _folder(annotated)
        if folder:
            other = owners.setdefault(folder, gt_file)
            if other != gt_file:
                raise ValueError(f'{gt_file} and {other} hold the same video, '
                                 f'{folder}')
        _check_same_video(annotated, predicted, gt_file, pred_file)
        evaluator.add(annotated, pair_frames(annotated, predicted))
    scores = evaluator.result()
    if unused:
        scores.notes.append(
            f'{len(unused)} prediction files have no ground truth and are not '
            f'used: {[path.name for path in unused[:3]]}')
    return scores


def _file_pairs(gt_dir: Path,
                pred_dir: Path) -> Tuple[List[Tuple[Path, Path]], List[Path]]:
    """Files that belong together, and predictions without ground truth."""
    for folder in (gt_dir, pred_dir):
        if not folder.is_dir():
            raise FileNotFoundError(f'{folder} is not a folder')
    # by the video's name, as the Runner's metric orders them
    gt_files = sorted(gt_dir.glob('*.json'), key=lambda path: path.stem)
    if not gt_files:
        raise FileNotFoundError(f'{gt_dir}: no json files in this folder')
    pairs = [(path, pred_dir / path.name) for path in gt_files]
    missing = [pred.name for _, pred in pairs if not pred.is_file()]
    if missing:
        raise FileNotFoundError(
            f'{pred_dir}: predictions of {len(missing)} of {len(pairs)} '
            f'videos are missing: {missing[:3]}')
    known = {path.name for path in gt_files}
    unused = [
        p for p in sorted(pred_dir.glob('*.json')) if p.name not in known
    ]
    return pairs, unused


def _folder(sequence: Union[AnnotatedSequence, PredictedSequence]) -> str:
    """The folder of the frames; empty if the file does not tell."""
    names = sequence.frame_names
    return names[0].rpartition('/')[0] if names else ''


def _check_same_video(annotated: AnnotatedSequence,
                      predicted: PredictedSequence, gt_file: Path,
                      pred_file: Path) -> None:
    folders = [_folder(annotated), _folder(predicted)]
    names = [folder.rpartition('/')[2] for folder in folders]
    if all(folders) and names[0] != names[1]:
        raise ValueError(f'{pred_file}: its frames are those of {folders[1]}, '
                         f'but {gt_file} is about {folders[0]}')
