# Unofficial AP on the labelled videos, which are the training ones, with
# their own boxes: it tells how a model that was trained elsewhere carries
# over, or that a training has worked. It is no result on HiEve.
_base_ = ['tdmi-st_hrnet-w48_2xb24-20e_hieve-384x288.py']

ann_file = 'annotations/hieve_train.json'

test_dataloader = dict(
    dataset=dict(ann_file=ann_file, bbox_file=None, bbox_score_thr=None))
test_evaluator = dict(
    _delete_=True,
    type='HiEveMetric',
    ann_file=_base_.data_root + ann_file,
    score_mode='keypoint_bbox')
