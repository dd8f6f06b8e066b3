# MMPose's runtime, with this plugin imported.
_base_ = ['mmpose::_base_/default_runtime.py']

custom_imports = dict(imports=['mmpose_tdmi'], allow_failed_imports=False)

default_hooks = dict(
    checkpoint=dict(
        interval=1, max_keep_ckpts=3, save_best='posetrack/mAP',
        rule='greater'))
