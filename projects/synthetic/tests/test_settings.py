"""Settings of generated clips."""
import pytest

from projects.synthetic.settings import PRESETS, ClipSettings


def test_presets_get_harder():
    easy, default, hard = (ClipSettings.preset(name) for name in PRESETS)
    for knob in ('occlusion', 'blur', 'speed', 'crowd', 'exposure',
                 'time_step', 'people_range', 'mean_occluders'):
        values = [getattr(s, knob) for s in (easy, default, hard)]
        assert values == sorted(values) and values[0] < values[2]
    assert default == ClipSettings()
    assert default.people_range == (2, 4)


def test_changes_override_a_preset():
    settings = ClipSettings.preset('hard', blur=0.1, frames=5, crowd=None)
    assert settings.blur == 0.1 and settings.frames == 5
    assert settings.crowd == PRESETS['hard']['crowd']
    assert ClipSettings(**settings.to_dict()) == settings


@pytest.mark.parametrize('changes, message', [
    (dict(blur=1.5), r'blur must be in \[0, 1\], got 1.5'),
    (dict(frames=0), 'frames'),
    (dict(width=10), 'width'),
    (dict(label_every=0), 'label_every'),
    (dict(fog=1), 'unknown settings'),
])
def test_bad_settings_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        ClipSettings.preset('default', **changes)
    with pytest.raises(ValueError, match='unknown difficulty'):
        ClipSettings.preset('brutal')


@pytest.mark.parametrize('frames, every, margin, labelled', [
    (8, 1, 2, [2, 3, 4, 5]),
    (9, 2, 2, [2, 4, 6]),
    (5, 3, 0, [0, 3]),
    (3, 1, 2, [1]),
    (1, 1, 2, [0]),
])
def test_which_frames_are_labelled(frames, every, margin, labelled):
    settings = ClipSettings(
        frames=frames, label_every=every, label_margin=margin)
    assert [i for i in range(frames) if settings.labelled(i)] == labelled
