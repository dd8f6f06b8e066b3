# The 14 joints of Leeds Sports Pose in its order.
dataset_info = dict(
    dataset_name='lsp14',
    paper_info=dict(
        author='Sam Johnson and Mark Everingham',
        title='Learning effective human pose estimation from inaccurate '
        'annotation',
        container='CVPR',
        year='2011',
        homepage='http://sam.johnson.io/research/lspet.html'),
    keypoint_info={
        id_: dict(name=name, id=id_, color=color, type=type_, swap=swap)
        for id_, (name, color, type_, swap) in enumerate([
            ('right_ankle', [255, 128, 0], 'lower', 'left_ankle'),
            ('right_knee', [255, 128, 0], 'lower', 'left_knee'),
            ('right_hip', [255, 128, 0], 'lower', 'left_hip'),
            ('left_hip', [0, 255, 0], 'lower', 'right_hip'),
            ('left_knee', [0, 255, 0], 'lower', 'right_knee'),
            ('left_ankle', [0, 255, 0], 'lower', 'right_ankle'),
            ('right_wrist', [255, 128, 0], 'upper', 'left_wrist'),
            ('right_elbow', [255, 128, 0], 'upper', 'left_elbow'),
            ('right_shoulder', [255, 128, 0], 'upper', 'left_shoulder'),
            ('left_shoulder', [0, 255, 0], 'upper', 'right_shoulder'),
            ('left_elbow', [0, 255, 0], 'upper', 'right_elbow'),
            ('left_wrist', [0, 255, 0], 'upper', 'right_wrist'),
            ('neck', [51, 153, 255], 'upper', ''),
            ('head_top', [51, 153, 255], 'upper', ''),
        ])
    },
    skeleton_info={
        id_: dict(link=link, id=id_, color=color)
        for id_, (link, color) in enumerate([
            (('right_ankle', 'right_knee'), [255, 128, 0]),
            (('right_knee', 'right_hip'), [255, 128, 0]),
            (('left_ankle', 'left_knee'), [0, 255, 0]),
            (('left_knee', 'left_hip'), [0, 255, 0]),
            (('right_hip', 'left_hip'), [51, 153, 255]),
            (('right_wrist', 'right_elbow'), [255, 128, 0]),
            (('right_elbow', 'right_shoulder'), [255, 128, 0]),
            (('left_wrist', 'left_elbow'), [0, 255, 0]),
            (('left_elbow', 'left_shoulder'), [0, 255, 0]),
            (('right_shoulder', 'neck'), [255, 128, 0]),
            (('left_shoulder', 'neck'), [0, 255, 0]),
            (('right_shoulder', 'right_hip'), [255, 128, 0]),
            (('left_shoulder', 'left_hip'), [0, 255, 0]),
            (('neck', 'head_top'), [51, 153, 255]),
        ])
    },
    joint_weights=[1.] * 14,
    # COCO's of the same joints; neck and head top: PoseTrack's in MMPose
    sigmas=[
        0.089, 0.087, 0.107, 0.107, 0.087, 0.089, 0.062, 0.072, 0.079, 0.079,
        0.072, 0.062, 0.025, 0.025
    ])
