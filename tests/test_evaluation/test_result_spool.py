"""A list in a file."""
import numpy as np

from mmpose_tdmi.evaluation.metrics.predictions import ResultSpool


def test_results_come_back_in_order_and_once():
    spool = ResultSpool()
    assert spool.take() == []
    for number in range(5):
        spool.append(dict(id=number, values=np.arange(number)))
    assert len(spool) == 5
    results = spool.take()
    assert [r['id'] for r in results] == [0, 1, 2, 3, 4]
    np.testing.assert_array_equal(results[4]['values'], np.arange(4))
    assert len(spool) == 0 and spool.take() == []
    spool.append('again')
    assert spool.take() == ['again']


def test_results_are_not_kept_in_memory():
    import tracemalloc
    spool = ResultSpool()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(50):
        spool.append(np.zeros(100_000))
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 2_000_000
    assert len(spool.take()) == 50
