"""Tables as poseval prints them."""
import numpy as np

from mmpose_tdmi.evaluation import (POSEVAL_JOINTS, PoseTrackEvaluator,
                                    format_scores)
from mmpose_tdmi.evaluation.evaluator import ap_table, mot_table


def by_joint(values, total):
    return dict(zip(POSEVAL_JOINTS, values), total=total)


def test_ap_table():
    values = np.arange(15.)
    values[POSEVAL_JOINTS.index('nose')] = np.nan
    assert ap_table(by_joint(values, 81.25)) == [
        '& Head & Shou & Elb  & Wri  & Hip  & Knee & Ankl & Total\\\\',
        '&  nan &  8.5 &  8.5 &  8.5 &  2.5 &  2.5 &  2.5 & 81.2 \\\\'
    ]


def test_mot_table():
    figures = {
        name: by_joint(np.full(15, value), value)
        for name, value in (('mota', -120.04), ('motp', 75.),
                            ('precision', 100.), ('recall', 9.96))
    }
    assert mot_table(figures) == [
        '& MOTA & MOTA & MOTA & MOTA & MOTA & MOTA & MOTA & MOTA & MOTP & '
        'Prec & Rec  \\\\',
        '& Head & Shou & Elb  & Wri  & Hip  & Knee & Ankl & Total& Total& '
        'Total& Total\\\\', '&-120.0 &-120.0 &-120.0 &-120.0 &-120.0 &-120.0 '
        '&-120.0 &-120.0 & 75.0 &100.0 & 10.0 \\\\'
    ]


def test_scores_say_what_they_are_of(video, frame, person):
    evaluator = PoseTrackEvaluator(('ap', 'mota', 'hota'))
    annotated, predicted = video([frame([person()], [person()])] * 2)
    evaluator.add(annotated, predicted.replace(box_source='a detector'))
    lines = format_scores(evaluator.result()).splitlines()
    assert lines[0] == ('1 videos, 2 scored frames; presence rule: poseval; '
                        'person boxes: a detector')
    assert lines[3] == '&' + ' &'.join(['100.0'] * 8) + ' \\\\'
    assert [line[:4]
            for line in lines[10:14]] == ['HOTA', 'DetA', 'AssA', 'LocA']
    assert len(lines) == 14
