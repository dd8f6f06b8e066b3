# PoseTrack21, the videos of PoseTrack18 with more people. Scored by the rule
# of its own evaluator: a joint is annotated if x > 0 and y > 0, and a frame
# counts if it is labelled.
# tools/dataset_converters/posetrack21.py writes the annotation files.
_base_ = ['sequence_384x288.py']

dataset_type = 'PoseTrack21SequenceDataset'
data_root = 'data/posetrack21/'

train_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/posetrack21_train.json'))
val_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/posetrack21_val.json',
        # without bbox_file and bbox_score_thr: ground-truth boxes
        bbox_file=data_root +
        'annotations/posetrack21_val_human_detections.json',
        bbox_score_thr=0.2))
test_dataloader = val_dataloader

# where the boxes come from the metric learns from the dataset, and states it
val_evaluator = dict(
    type='PoseTrackMetric',
    ann_file=data_root + 'annotations/posetrack21_val.json',
    score_mode='keypoint_bbox',
    presence='posetrack21')
test_evaluator = val_evaluator
