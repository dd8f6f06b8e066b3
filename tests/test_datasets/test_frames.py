"""Which frames exist of a video, and which of them make up a clip."""
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpose_tdmi.datasets import (PADDING_POLICIES, FrameCatalogue,
                                  VideoFrames, VideoTable)
from mmpose_tdmi.datasets import frames as frames_module
from mmpose_tdmi.datasets import padding_policy
from mmpose_tdmi.datasets.coco_json import AnnotationFile
from mmpose_tdmi.datasets.frames import frame_lookup, last_number
from mmpose_tdmi.structures import FrameWindow

DELTA2 = FrameWindow.from_config(delta=2)


def clip(numbers, key, policy='clamp', window=DELTA2):
    frames = VideoFrames('v', numbers, [f'{n}.jpg' for n in numbers])
    places, padded = frames.clip(key, window, padding_policy(policy))
    return [int(frames.numbers[place]) for place in places], padded


@pytest.mark.parametrize('policy', PADDING_POLICIES)
def test_inside_a_video_nothing_is_replaced(policy):
    assert clip(range(7, 20), 10, policy) == ([8, 9, 10, 11, 12], [False] * 5)


@pytest.mark.parametrize('policy, key, expected', [
    ('clamp', 1, [1, 1, 1, 2, 3]),
    ('clamp', 2, [1, 1, 2, 3, 4]),
    ('clamp', 8, [6, 7, 8, 9, 9]),
    ('clamp', 9, [7, 8, 9, 9, 9]),
    ('key_frame', 2, [2, 1, 2, 3, 4]),
    ('key_frame', 8, [6, 7, 8, 9, 8]),
    ('key_frame', 9, [7, 8, 9, 9, 9]),
    ('released', 1, [1, 1, 1, 2, 3]),
    ('released', 2, [2, 1, 2, 3, 4]),
    ('released', 8, [6, 7, 8, 9, 9]),
    ('released', 9, [7, 8, 9, 9, 9]),
])
def test_the_ends_of_a_video(policy, key, expected):
    numbers = list(range(1, 10))
    frames, padded = clip(numbers, key, policy)
    assert frames == expected
    assert padded == [key + o not in numbers for o in DELTA2.offsets]


@pytest.mark.parametrize('policy, expected', [
    ('clamp', [4, 5, 5, 5, 5]),
    ('key_frame', [5, 5, 5, 5, 5]),
    ('released', [5, 5, 5, 5, 5]),
])
def test_asymmetric_windows_reach_any_offset(policy, expected):
    window = FrameWindow((-9, -1, 0, 1, 3))
    frames, padded = clip([4, 5], 5, policy, window)
    expected[1] = 4
    assert frames == expected
    assert padded == [True, False, False, True, True]


def test_released_takes_the_last_frame_before_a_missing_future_one():
    window = FrameWindow((0, 1, 2, 3, 4))
    assert clip([1, 2, 3], 1, 'released', window)[0] == [1, 2, 3, 3, 3]


@pytest.mark.parametrize('policy, expected', [
    ('clamp', [2, 2, 4, 5, 6]),
    ('key_frame', [2, 4, 4, 5, 6]),
])
def test_a_gap_is_filled_by_the_policy(policy, expected):
    numbers = [1, 2, 4, 5, 6, 9, 10]
    frames, padded = clip(numbers, 4, policy)
    # 3 is as near to 2 as to 4: the key frame's side wins
    expected[1] = 4
    assert frames == expected
    assert padded == [False, True, False, False, False]


def test_a_gap_does_not_bring_in_a_far_frame():
    assert clip([0, 1, 2, 500, 501], 2)[0] == [0, 1, 2, 2, 2]


def test_offsets_count_in_steps_of_a_thinned_video():
    frames, padded = clip([3, 8, 13, 18, 28], 13)
    assert frames == [3, 8, 13, 18, 18]
    assert padded == [False, False, False, False, True]


def test_a_video_of_one_frame():
    assert clip([5], 5) == ([5] * 5, [True, True, False, True, True])


@given(
    st.sets(st.integers(0, 60), min_size=1), st.sets(st.integers(-6, 6)),
    st.data())
def test_any_clip(numbers, offsets, data):
    numbers = sorted(numbers)
    key = data.draw(st.sampled_from(numbers))
    window = FrameWindow(tuple(sorted(offsets | {0})))
    video = VideoFrames('v', numbers, numbers)
    step, grid = video.step, dict(zip(numbers, video.grid.tolist()))
    places = sorted(grid.values())
    assert set(np.diff(places) % step) <= {0} and len(set(places)) == len(grid)
    for policy in PADDING_POLICIES:
        frames, padded = clip(numbers, key, policy, window)
        assert set(frames) <= set(numbers)
        assert frames[window.key] == key and not padded[window.key]
        for offset, frame, replaced in zip(window.offsets, frames, padded):
            target = grid[key] + offset * step
            assert replaced == (target not in places)
            assert replaced or grid[frame] == target
        if policy == 'clamp':
            assert frames == sorted(frames)
            distances = [
                abs(grid[f] - grid[key] - o * step)
                for f, o in zip(frames, window.offsets)
            ]
            assert distances == [
                min(abs(n - grid[key] - o * step) for n in places)
                for o in window.offsets
            ]


def kept(step, share, start=7, num=300):
    """Numbers of a video's frames, of which a share was not lost."""
    picked = np.random.default_rng(0).random(num) < share
    return [start + step * i for i in range(num) if picked[i]]


@pytest.mark.parametrize(
    'numbers, step',
    [
        (range(9), 1),
        ([0, 1, 2, 500, 501], 1),
        ([3, 8, 18], 5),
        (range(2, 400, 4), 4),
        (kept(1, .5), 1),
        (kept(5, .5), 5),
        (kept(4, .4), 4),
        # the frames labelled of PoseTrack: each fourth, and thirty in a row
        ([*range(0, 100, 4), *range(100, 130), *range(132, 280, 4)], 1),
        ([n for n in range(40) if n % 3], 1),
        ([4, 9], 5),
    ])
def test_numbers_on_a_grid_stay(numbers, step):
    """The step reaches every frame and no frame is moved."""
    video = VideoFrames('v', list(numbers), list(numbers))
    assert video.step == step == np.gcd.reduce(np.diff(list(numbers)))
    assert video.grid.tolist() == list(numbers)
    window = FrameWindow((-3, -1, 0, 2))
    for key in numbers:
        frames, padded = clip(numbers, key, window=window)
        wanted = [key + step * offset for offset in window.offsets]
        assert padded == [number not in numbers for number in wanted]


FIVES = list(range(0, 500, 5))


@pytest.mark.parametrize(
    'numbers, step',
    [
        ([*FIVES[:40], 198, *FIVES[41:]], 5),
        ([*FIVES, 501], 5),
        ([-999, *FIVES], 5),
        (sorted([*FIVES, 248]), 5),
        ([*FIVES, *range(1003, 1500, 5)], 5),
        ([0, 5, 10, 11, 15, 20], 5),
        ([0, 2, 5], 2),
        # every second one, and one between
        (sorted([*range(0, 60, 2), 31]), 2),
        # of 60 a second 25
        ([i * 60 // 25 for i in range(100)], 2),
    ])
def test_odd_numbers_do_not_part_neighbours(numbers, step):
    assert VideoFrames('v', numbers, numbers).step == step
    for place, key in enumerate(numbers[1:-1], 1):
        if max(np.diff(numbers[place - 1:place + 2])) < 1.5 * step:
            assert clip(
                numbers, key, window=FrameWindow(
                    (-1, 0, 1)))[0] == numbers[place - 1:place + 2]


@pytest.mark.parametrize('unit', [1, 10**3, 10**6, 10**9])
@pytest.mark.parametrize('jitter', [0, .01, .1])
def test_times_as_names(unit, jitter):
    """Neighbours are the next frames, and lost frames are gaps."""
    rng = np.random.default_rng(1)
    rate = .5 if unit == 1 else 29.97
    ticks = np.array([i for i in range(200) if i % 17])
    times = (ticks + rng.uniform(-jitter, jitter, len(ticks))) / rate
    numbers = [int(1700000000 * unit) + round(t * unit) for t in times]
    video = VideoFrames('v', numbers, numbers)
    assert video.time_unit == unit
    assert video.step == pytest.approx(unit / rate, rel=.02)
    places = (video.grid - video.grid[0]) // video.step
    assert places.tolist() == (ticks - ticks[0]).tolist()
    at = 20
    near = [at + o if ticks[at] + o in ticks else None for o in (-1, 0, 1)]
    frames, padded = clip(numbers, numbers[at], window=FrameWindow((-1, 0, 1)))
    assert padded == [place is None for place in near]
    assert all(p is None or f == numbers[p] for f, p in zip(frames, near))


@pytest.mark.parametrize('numbers', [
    range(10**9 - 1, 10**9 + 9),
    range(5), [10**9, 10**13], [4200000000, 4200000001]
])
def test_numbers_that_are_no_times(numbers):
    assert VideoFrames('v', list(numbers), list(numbers)).time_unit == 0


def padding_of(numbers_by_video, keys, monkeypatch):
    texts = []
    monkeypatch.setattr(frames_module, 'print_log',
                        lambda text, **_: texts.append(text))
    paths = [
        f'{video}/{n}.jpg' for video, numbers in numbers_by_video.items()
        for n in numbers
    ]
    catalogue = FrameCatalogue(last_number, paths)
    frames_module.warn_of_padding('val.json', keys, catalogue, DELTA2)
    return texts


def test_most_windows_padded_is_said(monkeypatch):
    gaps = [0, 1, 12, 13, 24, 25]
    text, = padding_of(dict(v=gaps), [f'v/{n}.jpg' for n in gaps], monkeypatch)
    assert text.startswith('val.json: 6 of 6 windows looked at are padded')
    assert 'in place of 18 that' in text
    assert text.endswith('6 before the first or after the last frame of '
                         'their video, 12 in gaps of the frame numbers, '
                         'which are like [0, 1, 12, 13, 24]')
    short = {f'v{i}': range(5) for i in range(300)}
    text, = padding_of(short, [f'v{i}/3.jpg' for i in range(300)], monkeypatch)
    assert '100 of 100 windows' in text and '0 in gaps' in text
    # ends of a few short clips, half of them, missing ones, none
    keys = [f'v{i}/3.jpg' for i in range(9)]
    assert not padding_of(short, keys, monkeypatch)
    keys = ['v/2.jpg', 'v/3.jpg', 'v/8.jpg', 'v/9.jpg', 'w/1.jpg', 'x.jpg']
    assert not padding_of(dict(v=range(10)), keys, monkeypatch)
    assert not padding_of({}, [], monkeypatch)


def test_errors():
    with pytest.raises(ValueError, match="'mirror'.*'clamp'"):
        padding_policy('mirror')
    with pytest.raises(ValueError, match='v: frame 3 .* 2 to 4'):
        clip([2, 4], 3)
    with pytest.raises(ValueError, match='v: the video has no frames'):
        VideoFrames('v', [], [])
    with pytest.raises(ValueError, match=r'1 \(1.jpg\).*1 \(001.jpg\)'):
        VideoFrames('v', [0, 1, 1], ['0.jpg', '1.jpg', '001.jpg'])
    with pytest.raises(ValueError, match='2 frame numbers for 1 paths'):
        VideoFrames('v', np.arange(2), ['0.jpg'])


# Names of frames


@pytest.mark.parametrize('path, video, number', [
    ('v/000012.jpg', 'v/*.jpg', 12),
    ('v/cam2_0007_crop.png', 'v/cam2_*_crop.png', 7),
    ('7/a0.jpg', '7/a*.jpg', 0),
    ('3.jpg', '*.jpg', 3),
])
def test_last_number(path, video, number):
    assert last_number(path) == (video, number)


@pytest.mark.parametrize('path', ['v/crop.jpg', '7/a.jpg', 'v/²².jpg', ''])
def test_names_without_a_number(path):
    with pytest.raises(ValueError, match='number'):
        last_number(path)


# The annotation's own table


def table(*videos):
    return VideoTable('val.json', videos, 'root/{}'.format)


@pytest.fixture
def videos():
    return [
        dict(
            id='1',
            name='one',
            file_names=['x_crop.jpg', '3.jpg'],
            frame_ids=[4, 9]),
        dict(id='2', file_names=['v/0.jpg'], frame_ids=[0])
    ]


def test_lookup(videos):
    frames, number = table(*videos).locate('root/3.jpg')
    assert number == 9
    assert frames.numbers.tolist() == [4, 9]
    assert frames.paths == ['root/x_crop.jpg', 'root/3.jpg']
    assert table(*videos).video('root/x_crop.jpg') == 'one'
    assert table(*videos).video('root/v/0.jpg') == '2'
    with pytest.raises(ValueError, match=r"1 of 2 x .*\['3.jpg'\]"):
        table(*videos).check_listed(['root/3.jpg', '3.jpg'], 'x')


def test_a_frame_that_is_not_listed(videos):
    with pytest.raises(
            FileNotFoundError, match='root/4.jpg .* 3 frames of the 2 videos'):
        table(*videos).locate('root/4.jpg')


@pytest.mark.parametrize('field, value, message', [
    ('file_names', None, 'videos.0..file_names is None, expected a list'),
    ('file_names', [1, 2], 'videos.0..file_names.0. is 1, expected a text'),
    ('frame_ids', ['1', '2'], "frame_ids.0. is '1', expected an integer"),
    ('frame_ids', [True, 2], 'frame_ids.0. is True, expected an integer'),
    ('frame_ids', [1], '1 frame numbers for 2 paths'),
    ('frame_ids', [2, 2], 'ascend strictly'),
    ('frame_ids', [2, 10**30], 'videos.0.: '),
    ('file_names', ['a.jpg', 'v/0.jpg'], r'\[1\]: frame .* also one of one'),
    ('file_names', ['a.jpg', 'a.jpg'], r'\[0\]: frame .* also one of one'),
])
def test_damaged_tables(videos, field, value, message):
    videos[0][field] = value
    with pytest.raises(ValueError, match=f'val.json: .*{message}'):
        table(*videos)


# Listings


def parse(path):
    folder, name = os.path.split(path)
    video, _, number = os.path.splitext(name)[0].rpartition('_')
    return f'{folder}/{video}', int(number)


@pytest.fixture
def folder(tmp_path):
    for name in ('a_7.jpg', 'a_10.jpg', 'a_9.jpg', 'b_1.jpg', 'README',
                 'notes_x.jpg'):
        (tmp_path / name).touch()
    (tmp_path / 'c_3.jpg').mkdir()
    return str(tmp_path)


def test_a_folder_s_frames_in_order(folder):
    frames, number = FrameCatalogue(parse).locate(f'{folder}/a_9.jpg')
    assert number == 9
    assert frames.numbers.tolist() == [7, 9, 10]
    assert frames.paths == tuple(f'{folder}/a_{n}.jpg' for n in (7, 9, 10))


def test_each_folder_is_listed_once(folder, monkeypatch):
    listed = []
    listing = frames_module.fileio.list_dir_or_file
    monkeypatch.setattr(
        frames_module.fileio, 'list_dir_or_file', lambda path, **kwargs:
        (listed.append(path), listing(path, **kwargs))[1])
    catalogue = FrameCatalogue(parse)
    for name in ('a_7', 'a_9', 'b_1', 'a_7'):
        catalogue.locate(f'{folder}/{name}.jpg')
    assert listed == [folder]


def test_frames_that_do_not_exist(folder):
    catalogue = FrameCatalogue(parse)
    for name, others in (('a_8.jpg', 3), ('c_3.jpg', 0), ('d_1.jpg', 0)):
        for _ in range(2):
            with pytest.raises(
                    FileNotFoundError, match=f'{name}.* {others} frames'):
                catalogue.locate(f'{folder}/{name}')
    with pytest.raises(FileNotFoundError, match='folder .*none'):
        catalogue.locate(f'{folder}/none/a_1.jpg')


def test_frames_of_a_list(folder):
    catalogue = FrameCatalogue(parse, ['v/a_2.jpg', 'v/a_1.jpg', 'w/a_5.jpg'])
    frames, number = catalogue.locate('v/a_1.jpg')
    assert frames.paths == ('v/a_1.jpg', 'v/a_2.jpg') and number == 1
    assert catalogue.video('v/a_1.jpg') == frames.video == 'v/a'
    with pytest.raises(FileNotFoundError, match='annotated images'):
        catalogue.locate(f'{folder}/a_7.jpg')


def test_two_files_of_one_number(folder):
    open(f'{folder}/a_07.jpg', 'w').close()
    with pytest.raises(ValueError, match='a_07.jpg.*a_7.jpg'):
        FrameCatalogue(parse).locate(f'{folder}/a_9.jpg')


def test_fewer_frames_than_promised_are_reported_once(folder, monkeypatch):
    texts = []
    monkeypatch.setattr(frames_module, 'print_log',
                        lambda text, **_: texts.append(text))
    promised = {f'{folder}/a': 3, f'{folder}/b': 2}
    catalogue = FrameCatalogue(parse, promised=promised)
    for name in ('a_7.jpg', 'b_1.jpg', 'b_1.jpg'):
        catalogue.locate(f'{folder}/{name}')
    assert len(texts) == 1 and 'names 2 frames (nframes), 1 were' in texts[0]


# Which of the ways is taken

TABLE = [dict(id='v', file_names=['v/1.jpg', 'v/2.jpg'], frame_ids=[1, 2])]


def lookup(source, videos, nframes=2):
    content = AnnotationFile(
        'val.json',
        images={
            id_:
            dict(
                id=id_,
                file_name=f'v/{id_}.jpg',
                nframes=nframes,
                is_labeled=True)
            for id_ in (1, 2, 3)
        },
        persons={3: [{}]},
        categories=[],
        videos=videos)

    return frame_lookup(source, content, 'root/{}'.format, last_number)


@pytest.mark.parametrize('source, table, kind, from_disk', [
    ('auto', True, VideoTable, None),
    ('auto', False, FrameCatalogue, True),
    ('annotation', True, VideoTable, None),
    ('annotation', False, FrameCatalogue, False),
    ('disk', True, FrameCatalogue, True),
    ('disk', False, FrameCatalogue, True),
])
def test_sources(source, table, kind, from_disk):
    found = lookup(source, TABLE if table else None)
    assert isinstance(found, kind)
    assert getattr(found, 'from_disk', None) == from_disk


def test_key_frames_that_are_not_listed():
    paths = ['root/v/3.jpg', 'root/v/2.jpg', 'root/v/3.jpg']
    with pytest.raises(
            ValueError, match='val.json: 1 of 2 key frames .*root/v/3.jpg'):
        lookup('auto', TABLE).check_listed(paths, 'key frames')
    lookup('auto', TABLE).check_listed(paths[1:2], 'key frames')
    lookup('disk', TABLE).check_listed(paths, 'key frames')


def test_an_empty_table_is_a_table():
    assert isinstance(lookup('auto', []), VideoTable)


def test_nframes_must_be_a_number():
    with pytest.raises(ValueError, match="val.json: image 1: nframes .*'2'"):
        lookup('disk', None, nframes='2')
    lookup('disk', None, nframes=None)
