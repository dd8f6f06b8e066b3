"""Keypoint definitions in MMPose's form.

``posetrack17``, ``posetrack18`` and ``posetrack21`` are the 17-keypoint
layout of the annotation files, which models are trained in: MMPose's own
definition, under each dataset's name. ``posetrack_eval`` is the 15 joints
that are scored, ``hieve`` HiEve's 14; their files can also be given to
``metainfo=dict(from_file=...)``. All are part of the package and found
wherever it is installed.

Shape shorthand: K keypoints of a layout, L of another.
"""
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

import mmpose
from mmengine.config import Config

# The 15 joints that PoseTrack's metrics score, in the order of their toolkits
# and of PoseTrack17's own joint ids. `neck` is what the 17-keypoint layout of
# the files names `head_bottom`; the ears, which nobody labelled, are absent.
# Weights and sigmas are those of the same joints in MMPose's posetrack18.py.
_POSETRACK_EVAL = dict(
    dataset_name='posetrack_eval',
    paper_info=dict(
        author='Andriluka, Mykhaylo and Iqbal, Umar and '
        'Insafutdinov, Eldar and Pishchulin, Leonid and '
        'Milan, Anton and Gall, Juergen and Schiele, Bernt',
        title='Posetrack: A benchmark for human pose estimation and tracking',
        container='Proceedings of the IEEE Conference on '
        'Computer Vision and Pattern Recognition',
        year='2018',
        homepage='https://posetrack.net'),
    keypoint_info={
        0:
        dict(
            name='right_ankle',
            id=0,
            color=[255, 128, 0],
            type='lower',
            swap='left_ankle'),
        1:
        dict(
            name='right_knee',
            id=1,
            color=[255, 128, 0],
            type='lower',
            swap='left_knee'),
        2:
        dict(
            name='right_hip',
            id=2,
            color=[255, 128, 0],
            type='lower',
            swap='left_hip'),
        3:
        dict(
            name='left_hip',
            id=3,
            color=[0, 255, 0],
            type='lower',
            swap='right_hip'),
        4:
        dict(
            name='left_knee',
            id=4,
            color=[0, 255, 0],
            type='lower',
            swap='right_knee'),
        5:
        dict(
            name='left_ankle',
            id=5,
            color=[0, 255, 0],
            type='lower',
            swap='right_ankle'),
        6:
        dict(
            name='right_wrist',
            id=6,
            color=[255, 128, 0],
            type='upper',
            swap='left_wrist'),
        7:
        dict(
            name='right_elbow',
            id=7,
            color=[255, 128, 0],
            type='upper',
            swap='left_elbow'),
        8:
        dict(
            name='right_shoulder',
            id=8,
            color=[255, 128, 0],
            type='upper',
            swap='left_shoulder'),
        9:
        dict(
            name='left_shoulder',
            id=9,
            color=[0, 255, 0],
            type='upper',
            swap='right_shoulder'),
        10:
        dict(
            name='left_elbow',
            id=10,
            color=[0, 255, 0],
            type='upper',
            swap='right_elbow'),
        11:
        dict(
            name='left_wrist',
            id=11,
            color=[0, 255, 0],
            type='upper',
            swap='right_wrist'),
        12:
        dict(name='neck', id=12, color=[51, 153, 255], type='upper', swap=''),
        13:
        dict(name='nose', id=13, color=[51, 153, 255], type='upper', swap=''),
        14:
        dict(
            name='head_top',
            id=14,
            color=[51, 153, 255],
            type='upper',
            swap='')
    },
    skeleton_info={
        0:
        dict(link=('left_ankle', 'left_knee'), id=0, color=[0, 255, 0]),
        1:
        dict(link=('left_knee', 'left_hip'), id=1, color=[0, 255, 0]),
        2:
        dict(link=('right_ankle', 'right_knee'), id=2, color=[255, 128, 0]),
        3:
        dict(link=('right_knee', 'right_hip'), id=3, color=[255, 128, 0]),
        4:
        dict(link=('left_hip', 'right_hip'), id=4, color=[51, 153, 255]),
        5:
        dict(link=('left_shoulder', 'left_hip'), id=5, color=[51, 153, 255]),
        6:
        dict(link=('right_shoulder', 'right_hip'), id=6, color=[51, 153, 255]),
        7:
        dict(
            link=('left_shoulder', 'right_shoulder'),
            id=7,
            color=[51, 153, 255]),
        8:
        dict(link=('left_shoulder', 'left_elbow'), id=8, color=[0, 255, 0]),
        9:
        dict(
            link=('right_shoulder', 'right_elbow'), id=9, color=[255, 128, 0]),
        10:
        dict(link=('left_elbow', 'left_wrist'), id=10, color=[0, 255, 0]),
        11:
        dict(link=('right_elbow', 'right_wrist'), id=11, color=[255, 128, 0]),
        12:
        dict(link=('nose', 'neck'), id=12, color=[51, 153, 255]),
        13:
        dict(link=('nose', 'head_top'), id=13, color=[51, 153, 255]),
        14:
        dict(link=('neck', 'left_shoulder'), id=14, color=[51, 153, 255]),
        15:
        dict(link=('neck', 'right_shoulder'), id=15, color=[51, 153, 255])
    },
    joint_weights=[
        1.5, 1.2, 1., 1., 1.2, 1.5, 1.5, 1.2, 1., 1., 1.2, 1.5, 1., 1., 1.
    ],
    sigmas=[
        0.089, 0.087, 0.107, 0.107, 0.087, 0.089, 0.062, 0.072, 0.079, 0.079,
        0.072, 0.062, 0.025, 0.026, 0.025
    ])

# HiEve's 14 keypoints in the order of its files. The benchmark publishes no
# sigmas: they are COCO's for the joints that COCO has, and the shoulders' for
# the chest. Weights follow MMPose's posetrack18.py.
_HIEVE = dict(
    dataset_name='hieve',
    paper_info=dict(
        author='Lin, Weiyao and Liu, Huabin and Liu, Shizhan and Li, Yuxi and '
        'Xiong, Hongkai and Qi, Guojun and Sebe, Nicu',
        title='HiEve: A Large-Scale Benchmark for Human-Centric Video '
        'Analysis in Complex Events',
        container='International Journal of Computer Vision',
        year='2023',
        homepage='http://humaninevents.org'),
    keypoint_info={
        0:
        dict(name='nose', id=0, color=[51, 153, 255], type='upper', swap=''),
        1:
        dict(name='chest', id=1, color=[51, 153, 255], type='upper', swap=''),
        2:
        dict(
            name='right_shoulder',
            id=2,
            color=[255, 128, 0],
            type='upper',
            swap='left_shoulder'),
        3:
        dict(
            name='right_elbow',
            id=3,
            color=[255, 128, 0],
            type='upper',
            swap='left_elbow'),
        4:
        dict(
            name='right_wrist',
            id=4,
            color=[255, 128, 0],
            type='upper',
            swap='left_wrist'),
        5:
        dict(
            name='left_shoulder',
            id=5,
            color=[0, 255, 0],
            type='upper',
            swap='right_shoulder'),
        6:
        dict(
            name='left_elbow',
            id=6,
            color=[0, 255, 0],
            type='upper',
            swap='right_elbow'),
        7:
        dict(
            name='left_wrist',
            id=7,
            color=[0, 255, 0],
            type='upper',
            swap='right_wrist'),
        8:
        dict(
            name='right_hip',
            id=8,
            color=[255, 128, 0],
            type='lower',
            swap='left_hip'),
        9:
        dict(
            name='right_knee',
            id=9,
            color=[255, 128, 0],
            type='lower',
            swap='left_knee'),
        10:
        dict(
            name='right_ankle',
            id=10,
            color=[255, 128, 0],
            type='lower',
            swap='left_ankle'),
        11:
        dict(
            name='left_hip',
            id=11,
            color=[0, 255, 0],
            type='lower',
            swap='right_hip'),
        12:
        dict(
            name='left_knee',
            id=12,
            color=[0, 255, 0],
            type='lower',
            swap='right_knee'),
        13:
        dict(
            name='left_ankle',
            id=13,
            color=[0, 255, 0],
            type='lower',
            swap='right_ankle')
    },
    skeleton_info={
        0:
        dict(link=('left_ankle', 'left_knee'), id=0, color=[0, 255, 0]),
        1:
        dict(link=('left_knee', 'left_hip'), id=1, color=[0, 255, 0]),
        2:
        dict(link=('right_ankle', 'right_knee'), id=2, color=[255, 128, 0]),
        3:
        dict(link=('right_knee', 'right_hip'), id=3, color=[255, 128, 0]),
        4:
        dict(link=('left_hip', 'right_hip'), id=4, color=[51, 153, 255]),
        5:
        dict(link=('left_shoulder', 'left_hip'), id=5, color=[51, 153, 255]),
        6:
        dict(link=('right_shoulder', 'right_hip'), id=6, color=[51, 153, 255]),
        7:
        dict(
            link=('left_shoulder', 'right_shoulder'),
            id=7,
            color=[51, 153, 255]),
        8:
        dict(link=('left_shoulder', 'left_elbow'), id=8, color=[0, 255, 0]),
        9:
        dict(
            link=('right_shoulder', 'right_elbow'), id=9, color=[255, 128, 0]),
        10:
        dict(link=('left_elbow', 'left_wrist'), id=10, color=[0, 255, 0]),
        11:
        dict(link=('right_elbow', 'right_wrist'), id=11, color=[255, 128, 0]),
        12:
        dict(link=('nose', 'chest'), id=12, color=[51, 153, 255]),
        13:
        dict(link=('chest', 'left_shoulder'), id=13, color=[51, 153, 255]),
        14:
        dict(link=('chest', 'right_shoulder'), id=14, color=[51, 153, 255])
    },
    joint_weights=[
        1., 1., 1., 1.2, 1.5, 1., 1.2, 1.5, 1., 1.2, 1.5, 1., 1.2, 1.5
    ],
    sigmas=[
        0.026, 0.079, 0.079, 0.072, 0.062, 0.079, 0.072, 0.062, 0.107, 0.087,
        0.089, 0.107, 0.087, 0.089
    ])

_PAPERS = dict(
    posetrack17={},
    posetrack18={},
    posetrack21=dict(
        author='Doering, Andreas and Chen, Di and Zhang, Shanshan and '
        'Schiele, Bernt and Gall, Juergen',
        title='PoseTrack21: A Dataset for Person Search, Multi-Object '
        'Tracking and Multi-Person Pose Tracking',
        container='Proceedings of the IEEE/CVF Conference on Computer Vision '
        'and Pattern Recognition',
        year='2022',
        homepage='https://github.com/anDoer/PoseTrack21'))
_OWN = dict(hieve=_HIEVE, posetrack_eval=_POSETRACK_EVAL)

#: Names of one joint in different layouts.
_SYNONYMS = {'head_bottom': 'neck'}


def keypoint_definition(name: str) -> Dict[str, Any]:
    """A dataset's keypoints: names, colours, flip partners, halves, limbs ...

    Args:
        name (str): ``'posetrack17'``, ``'posetrack18'``,
            ``'posetrack21'``, ``'posetrack_eval'`` or ``'hieve'``.

    Returns:
        dict: What MMPose's ``parse_pose_metainfo`` takes and a dataset's
        ``METAINFO`` is.

    Raises:
        ValueError: If there is no such definition.
        FileNotFoundError: If MMPose is installed without its configs.
    """
    if name in _OWN:
        return deepcopy(_OWN[name])
    if name not in _PAPERS:
        raise ValueError(f'no keypoint definition {name!r}; there are '
                         f'{sorted([*_PAPERS, *_OWN])}')
    info = deepcopy(_host_definition())
    info['dataset_name'] = name
    info['paper_info'].update(_PAPERS[name])
    return info


@lru_cache(maxsize=None)
def _host_definition() -> Dict[str, Any]:
    """MMPose's definition of PoseTrack18."""
    package = Path(mmpose.__file__).parent
    # installed, or a source tree
    for root in (package / '.mim', package.parent):
        path = root / 'configs/_base_/datasets/posetrack18.py'
        if path.is_file():
            return Config.fromfile(str(path)).dataset_info.to_dict()
    raise FileNotFoundError(
        f'MMPose in {package} lacks .mim/configs/_base_/datasets/'
        'posetrack18.py: install it from a wheel or a whole source tree')


def keypoint_mapping(source: Sequence[str],
                     target: Sequence[str]) -> List[Tuple[int, int]]:
    """Which keypoint of a layout is which of another.

    In the form of MMPose's ``KeypointConverter``, e.g. to train a model of
    the 15 scored joints on files of 17 keypoints.

    Args:
        source (Sequence[str]): The K names of the layout that there is.
        target (Sequence[str]): The L names of the layout that is wanted.

    Returns:
        list[tuple[int, int]]: Pairs of places in source and target, one for
        each of the L.

    Raises:
        ValueError: If the source lacks a keypoint of the target.
    """
    places = {_SYNONYMS.get(name, name): i for i, name in enumerate(source)}
    missing = [n for n in target if _SYNONYMS.get(n, n) not in places]
    if missing:
        raise ValueError(f'the layout {list(source)} lacks {missing}')
    return [(places[_SYNONYMS.get(name, name)], i)
            for i, name in enumerate(target)]
