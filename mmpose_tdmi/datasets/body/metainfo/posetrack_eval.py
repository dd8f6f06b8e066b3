# The 15 joints that PoseTrack's metrics score, in the order of their toolkits
# and of PoseTrack17's own joint ids. `neck` is what the 17-keypoint layout of
# the files names `head_bottom`; the ears, which nobody labelled, are absent.
# Weights and sigmas are those of the same joints in MMPose's posetrack18.py.
dataset_info = dict(
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
