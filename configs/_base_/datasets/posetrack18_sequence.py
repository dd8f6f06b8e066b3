# PoseTrack18, 593 videos for training and 170 for validation.
# tools/dataset_converters/posetrack18.py writes the annotation files.
_base_ = ['sequence_384x288.py']

dataset_type = 'PoseTrack18SequenceDataset'
data_root = 'data/posetrack18/'

train_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/posetrack18_train.json'))
val_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/posetrack18_val.json',
        # without bbox_file and bbox_score_thr: ground-truth boxes
        bbox_file=data_root +
        'annotations/posetrack18_val_human_detections.json',
        bbox_score_thr=0.2))
test_dataloader = val_dataloader

# where the boxes come from the metric learns from the dataset, and states it
val_evaluator = dict(
    type='PoseTrackMetric',
    ann_file=data_root + 'annotations/posetrack18_val.json',
    score_mode='keypoint_bbox',
    presence='poseval')
test_evaluator = val_evaluator
