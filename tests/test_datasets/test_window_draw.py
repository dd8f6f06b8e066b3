"""Windows, fixed and drawn."""
import pytest

from mmpose_tdmi.datasets.sequence_dataset import WindowDraw
from mmpose_tdmi.structures import FrameWindow

WINDOW = FrameWindow((-5, -1, 0, 2))


def test_fixed():
    assert WindowDraw(WINDOW, test_mode=True)() is WINDOW


def test_drawn():
    draw = WindowDraw(WINDOW, (-4, 3))
    drawn = {draw().offsets for _ in range(300)}
    pairs = {(a, b) for a in range(-4, 0) for b in range(a + 1, 0)}
    assert drawn == {(*pair, 0, c) for pair in pairs for c in (1, 2, 3)}


def test_refused():
    for random_range in ((-1, 3), (-4, 0)):
        with pytest.raises(ValueError, match='too narrow to draw 2 .* 1 '):
            WindowDraw(WINDOW, random_range)
    WindowDraw(WINDOW, (-2, 1))
    with pytest.raises(ValueError, match='for training'):
        WindowDraw(WINDOW, (-2, 1), test_mode=True)
