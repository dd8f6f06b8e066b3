"""The original evaluation toolkits, run from their own checkouts.

Nothing of them is part of this package: they are called as programs, in an
interpreter that has what they need, to compare numbers and times.

* poseval: https://github.com/leonid-pishchulin/poseval, needs ``click``,
  ``motmetrics``, ``shapely``, ``tqdm``.
* PoseTrack21's: https://github.com/anDoer/PoseTrack21, needs ``numpy<1.24``,
  ``scipy``, ``shapely``, ``sparse``, ``tqdm``.
"""
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple, Union

from mmpose_tdmi.evaluation.functional import POSEVAL_JOINTS

PathLike = Union[str, Path]

_TIMED_POSEVAL = """
import json, sys, time
from poseval import eval_helpers, evaluateAP
wall, cpu = time.perf_counter(), time.process_time()
frames = eval_helpers.load_data_dir(['', *sys.argv[1:3]])
evaluateAP.evaluateAP(*frames, sys.argv[3], True, False)
print(json.dumps([time.perf_counter() - wall, time.process_time() - cpu]))
"""

_POSETRACK21 = """
import contextlib, io, json, sys
import numpy as np
sys.path.insert(0, sys.argv[1])
from posetrack21 import trackeval
result = {}
with contextlib.redirect_stdout(io.StringIO()):
    for kind, metric in ((trackeval.Evaluator, 'HOTAeypoints'),
                         (trackeval.PoseEvaluator, 'PosemAP')):
        run = dict(kind.get_default_eval_config(), OUTPUT_PAPER_SUMMARY=False,
                   TIME_PROGRESS=False, LOG_ON_ERROR=None)
        data = dict(
            trackeval.datasets.PoseTrack.get_default_dataset_config(),
            GT_FOLDER=sys.argv[2], TRACKERS_FOLDER=sys.argv[3],
            PRINT_CONFIG=False, ASSURE_SINGLE_TRACKER=True)
        found, _ = kind(run).evaluate([trackeval.datasets.PoseTrack(data)],
                                      [getattr(trackeval.metrics, metric)()])
        tracker, = found['PoseTrack'].values()
        result[metric] = tracker['COMBINED_SEQ']['person'][metric]
hota = result['HOTAeypoints']
print(json.dumps(dict(
    {key: (100 * np.asarray(hota[key]).mean(axis=0)).tolist()
     for key in ('HOTA', 'DetA', 'AssA', 'LocA')},
    AP=result['PosemAP']['map'])))
"""

#: The order of PoseTrack21's joints, after which comes the total.
_POSETRACK21_JOINTS = ('nose', 'neck', 'head_top', 'left_shoulder',
                       'right_shoulder', 'left_elbow', 'right_elbow',
                       'left_wrist', 'right_wrist', 'left_hip', 'right_hip',
                       'left_knee', 'right_knee', 'left_ankle', 'right_ankle',
                       'total')


def run_poseval(
    checkout: PathLike,
    gt_dir: PathLike,
    pred_dir: PathLike,
    tracking: bool = True,
    python: str = sys.executable
) -> Tuple[Dict[str, List[Optional[float]]], List[str]]:
    """The numbers of poseval.

    Args:
        checkout (str | Path): A checkout of poseval.
        gt_dir (str | Path): The folder of the ground truth.
        pred_dir (str | Path): The folder of the predictions.
        tracking (bool): Whether to evaluate tracking, too.
        python (str): The interpreter.

    Returns:
        tuple[dict, list[str]]: ``ap``, ``precision``, ``recall`` and with
        tracking ``mota``, ``motp``, ``mot_precision``, ``mot_recall``, each
        the 15 joints in the order of ``POSEVAL_JOINTS`` and the total, None
        for NaN; and the lines it printed.

    Raises:
        RuntimeError: If it fails.
    """
    with tempfile.TemporaryDirectory() as out:
        arguments = [
            '-m', 'poseval.evaluate', '--groundTruth', f'{gt_dir}/',
            '--predictions', f'{pred_dir}/', '--evalPoseEstimation',
            '--outputDir', out
        ]
        printed = _run(python, checkout,
                       arguments + ['--evalPoseTracking'] * tracking)
        found = _read_numbers(
            Path(out) / 'total_AP_metrics.json',
            dict(ap='ap', pre='precision', rec='recall'))
        if tracking:
            found.update(
                _read_numbers(
                    Path(out) / 'total_MOT_metrics.json',
                    dict(
                        mota='mota',
                        motp='motp',
                        pre='mot_precision',
                        rec='mot_recall')))
    return found, printed.splitlines()


def time_poseval(checkout: PathLike,
                 gt_dir: PathLike,
                 pred_dir: PathLike,
                 python: str = sys.executable) -> Tuple[float, float]:
    """How long poseval takes to read the files and compute AP.

    Args:
        checkout (str | Path): A checkout of poseval.
        gt_dir (str | Path): The folder of the ground truth.
        pred_dir (str | Path): The folder of the predictions.
        python (str): The interpreter.

    Returns:
        tuple[float, float]: Seconds by the clock and of the processor, from
        after the imports on.

    Raises:
        RuntimeError: If it fails.
    """
    with tempfile.TemporaryDirectory() as out:
        printed = _run(
            python, checkout,
            ['-c', _TIMED_POSEVAL, f'{gt_dir}/', f'{pred_dir}/', out])
    wall, cpu = json.loads(printed.splitlines()[-1])
    return wall, cpu


def run_posetrack21(
        checkout: PathLike,
        gt_dir: PathLike,
        pred_dir: PathLike,
        python: str = sys.executable) -> Dict[str, Dict[str, Optional[float]]]:
    """The numbers of PoseTrack21's evaluator.

    Args:
        checkout (str | Path): A checkout of PoseTrack21.
        gt_dir (str | Path): The folder of the ground truth.
        pred_dir (str | Path): The folder of the predictions.
        python (str): The interpreter.

    Returns:
        dict: ``hota``, ``det_a``, ``ass_a`` and ``loc_a`` by joint and
        ``total``; ``ap`` of the seven groups as PoseTrack21 names them and
        ``Total``.

    Raises:
        RuntimeError: If it fails.
    """
    folder = Path(checkout) / 'eval' / 'posetrack21'
    printed = _run(python, folder, [
        '-W', 'ignore', '-c', _POSETRACK21,
        str(folder),
        str(gt_dir),
        str(pred_dir)
    ])
    found = json.loads(printed.splitlines()[-1])
    result = {
        ours: dict(zip(_POSETRACK21_JOINTS, found[theirs]))
        for ours, theirs in (('hota', 'HOTA'), ('det_a', 'DetA'),
                             ('ass_a', 'AssA'), ('loc_a', 'LocA'))
    }
    return dict(result, ap=found['AP'])


def _run(python: str, checkout: PathLike, arguments: List[str]) -> str:
    environment = dict(os.environ, PYTHONPATH=str(Path(checkout).resolve()))
    done = subprocess.run([python, *arguments],
                          env=environment,
                          capture_output=True,
                          text=True)
    if done.returncode:
        lines = done.stderr.strip().splitlines()[-3:]
        raise RuntimeError(f'{checkout} failed: ' + ' / '.join(lines))
    return done.stdout


def _read_numbers(path: Path,
                  names: Dict[str, str]) -> Dict[str, List[Optional[float]]]:
    content: Dict[str, Any] = json.loads(path.read_text(encoding='utf-8'))
    expected = len(POSEVAL_JOINTS) + 1
    result = {}
    for theirs, ours in names.items():
        values = content[theirs]
        if len(values) != expected:
            raise RuntimeError(f'{path.name}: {len(values)} values of '
                               f'{theirs}, expected {expected}')
        result[ours] = [None if v != v else v for v in values]
    return result
