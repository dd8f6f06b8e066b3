# HiEve: 19 labelled videos to train on, 13 test videos whose labels are on the
# benchmark's server alone. Nothing is left to validate on; testing writes the
# files for the server. tools/dataset_converters/hieve.py writes the
# annotation files.
_base_ = ['sequence_384x288.py']

dataset_type = 'HiEveSequenceDataset'
data_root = 'data/hieve/'

train_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/hieve_train.json'))
test_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/hieve_test.json',
        bbox_file=data_root + 'annotations/hieve_test_human_detections.json',
        bbox_score_thr=0.2))
test_evaluator = dict(
    type='HiEveMetric',
    ann_file=data_root + 'annotations/hieve_test.json',
    score_mode='keypoint_bbox',
    format_only=True,
    out_dir='work_dirs/hieve_submission')

# configs set val_cfg to None, too, and no best checkpoint to be saved
val_dataloader = None
val_evaluator = None
