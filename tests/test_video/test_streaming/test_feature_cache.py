from mmpose_tdmi.video.streaming import FeatureCache


def test_what_is_missing():
    cache = FeatureCache()
    cache[1, 10] = 'a'
    assert cache.missing([(1, 11), (1, 10), (2, 10), (1, 11)]) == [(1, 11),
                                                                   (2, 10)]
    assert (1, 10) in cache and (1, 11) not in cache and (2, 10) not in cache
    assert cache[1, 10] == 'a'


def test_eviction():
    cache = FeatureCache()
    for run in (1, 2, 3):
        for number in range(5):
            cache[run, number] = number
    assert len(cache) == 15
    cache.evict(3, {1, 2})
    assert len(cache) == 4
    assert (1, 3) in cache and (1, 2) not in cache and (3, 4) not in cache
    cache.evict(5, {1, 2})
    assert len(cache) == 0
