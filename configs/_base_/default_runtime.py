# MMPose's runtime with this plugin imported: checkpoints that survive being
# killed (docs/training.md), pictures of clips (docs/tools.md).
_base_ = ['mmpose::_base_/default_runtime.py']

custom_imports = dict(imports=['mmpose_tdmi'], allow_failed_imports=False)

default_hooks = dict(
    checkpoint=dict(
        type='AtomicCheckpointHook',
        interval=1,
        max_keep_ckpts=3,
        save_best='posetrack/mAP',
        rule='greater'),
    exact_resume=dict(type='ExactResumeHook'),
    non_finite_guard=dict(type='NonFiniteGuardHook'),
    visualization=dict(type='ClipVisualizationHook'),
    badcase=dict(_delete_=True, type='ClipBadCaseHook', metric='posetrack'))

# MMPose's, which numpy 2.4 and later do not break
visualizer = dict(type='FramePoseVisualizer')
