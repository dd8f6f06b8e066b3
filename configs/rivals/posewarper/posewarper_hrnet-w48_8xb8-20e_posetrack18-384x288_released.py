# PoseWarper as its authors' code evaluates it on PoseTrack18, for the weights
# that tools/model_converters/posewarper.py makes of theirs: without flipping.
_base_ = ['posewarper_hrnet-w48_8xb8-20e_posetrack18-384x288.py']

model = dict(test_cfg=dict(flip_test=False))
