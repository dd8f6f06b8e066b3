# DCPose as its authors' code evaluates it on PoseTrack17, for their weights
# (tools/model_converters/dcpose.py): without flipping.
_base_ = ['dcpose_hrnet-w48_2xb32-20e_posetrack17-384x288.py']

model = dict(test_cfg=dict(flip_test=False))
