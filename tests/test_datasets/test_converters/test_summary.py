"""Counts beside the paper's."""
from mmpose_tdmi.datasets.converters.command import (PAPER_FIGURES,
                                                     compare_with_paper,
                                                     describe)
from mmpose_tdmi.datasets.converters.conversion import COUNTS


def counts(videos, persons):
    return dict.fromkeys(COUNTS, 0) | dict(videos=videos, persons=persons)


def test_the_papers_figures():
    assert PAPER_FIGURES['posetrack17'] == dict(
        videos=dict(train=250, val=50), persons=80144)
    assert PAPER_FIGURES['posetrack18']['persons'] == 153615
    assert PAPER_FIGURES['posetrack21']['persons'] == 177164
    assert PAPER_FIGURES['posetrack21']['videos'] == dict(train=593, val=170)
    assert PAPER_FIGURES['hieve'] == dict(
        videos=dict(train=19, test=13), persons=1099357)


def test_whole_sets_are_compared():
    lines = compare_with_paper(
        'posetrack17',
        dict(
            train=counts(250, 60000),
            val=counts(50, 20144),
            test=counts(214, 9)))
    assert lines == [
        'train: 250 videos, 250 in the paper: equal',
        'val: 50 videos, 50 in the paper: equal',
        '80,144 pose annotations, 80,144 in the paper: equal'
    ]
    lines = compare_with_paper(
        'posetrack18', dict(train=counts(593, 1), val=counts(170, 153000)))
    assert lines[2].endswith('differs by -614')


def test_parts_are_not():
    lines = compare_with_paper('posetrack18', dict(val=counts(170, 30000)))
    assert [line.split(': ')[-1] for line in lines] == [
        'not converted, not checked', 'equal', 'partial set, not checked'
    ]
    lines = compare_with_paper('posetrack18',
                               dict(train=counts(594, 1), val=counts(3, 1)))
    assert [line.split(': ')[-1] for line in lines] == [
        'differs by +1', 'partial set, not checked', 'partial set, not checked'
    ]


def test_hieves_test_labels_are_not_public():
    lines = compare_with_paper(
        'hieve', dict(train=counts(19, 600000), test=counts(13, 0)))
    assert 'not public' in lines[2]


def test_the_table_is_aligned():
    lines = describe(dict(train=counts(593, 123456), val=counts(1, 2)))
    assert len({len(line) for line in lines}) == 1
    assert 'labelled frames' in lines[0] and '123,456' in lines[1]
