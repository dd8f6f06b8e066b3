"""Messages name samples such that their owner can find them."""
import traceback

import pytest

from mmpose_tdmi.datasets.sequence_dataset import errors_name, name_sample


def test_a_name_has_what_is_known():
    sample = dict(
        img_path='images/val/a/000012.jpg',
        frame_indices=[11, 12, 13],
        id=5,
        track_id=0)
    assert name_sample(sample) == ('images/val/a/000012.jpg, frames 11 12 13, '
                                   'annotation 5, track 0')
    assert name_sample(dict(img_path='a.jpg')) == 'a.jpg'


@pytest.mark.parametrize('error', [
    ValueError('broken'),
    FileNotFoundError(2, 'no such file', 'a.jpg'),
    KeyError('k')
])
def test_errors_stay_what_they_are(error):
    with pytest.raises(type(error)) as caught:
        with errors_name(lambda: 'while preparing sample 7'):
            raise error
    assert caught.value is error
    shown = ''.join(traceback.format_exception(type(error), error, None))
    if hasattr(error, 'add_note') or isinstance(error, ValueError):
        assert 'while preparing sample 7' in shown
