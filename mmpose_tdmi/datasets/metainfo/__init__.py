"""Keypoint definitions in MMPose's form.

``posetrack17``, ``posetrack18`` and ``posetrack21`` are the 17-keypoint
layout of the annotation files, which models are trained in: MMPose's own
definition, under each dataset's name. ``posetrack_eval`` is the 15 joints
that are scored, ``hieve`` HiEve's 14; their files, which lie here, can also
be given to ``metainfo=dict(from_file=...)``.
"""
from functools import lru_cache
from pathlib import Path
from typing import Any, Dict

import mmpose
from mmengine.config import Config, ConfigDict

_POSETRACK21 = dict(
    author='Doering, Andreas and Chen, Di and Zhang, Shanshan and '
    'Schiele, Bernt and Gall, Juergen',
    title='PoseTrack21: A Dataset for Person Search, Multi-Object '
    'Tracking and Multi-Person Pose Tracking',
    container='Proceedings of the IEEE/CVF Conference on Computer Vision '
    'and Pattern Recognition',
    year='2022',
    homepage='https://github.com/anDoer/PoseTrack21')
_OWN = ('hieve', 'posetrack_eval')
_POSETRACK = ('posetrack17', 'posetrack18', 'posetrack21')


def keypoint_definition(name: str) -> Dict[str, Any]:
    """A dataset's keypoints: names, colours, flip partners, halves, limbs ...

    In the form that MMPose's ``parse_pose_metainfo`` takes and a dataset's
    ``METAINFO`` has.
    """
    if name in _OWN:
        return _read(Path(__file__).with_name(f'{name}.yaml')).to_dict()
    if name not in _POSETRACK:
        raise ValueError(f'no keypoint definition {name!r}; there are '
                         f'{sorted(_OWN + _POSETRACK)}')
    info = _read(_host_file()).to_dict()
    info['dataset_name'] = name
    if name == 'posetrack21':
        info['paper_info'].update(_POSETRACK21)
    return info


@lru_cache(maxsize=None)
def _read(path: Path) -> ConfigDict:
    return Config.fromfile(str(path)).dataset_info


def _host_file() -> Path:
    """MMPose's definition of PoseTrack18: installed, or a source tree."""
    package = Path(mmpose.__file__).parent
    for root in (package / '.mim', package.parent):
        path = root / 'configs/_base_/datasets/posetrack18.py'
        if path.is_file():
            return path
    raise FileNotFoundError(
        f'MMPose in {package} lacks .mim/configs/_base_/datasets/'
        'posetrack18.py: install it from a wheel or a whole source tree')
