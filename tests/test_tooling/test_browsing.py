"""The dataset browser's pictures."""
import av
import cv2
import numpy as np
import pytest
from mmengine.config import Config

from mmpose_tdmi.tooling.browsing import MODES, DatasetBrowser


@pytest.mark.parametrize('phase', ['train', 'val'])
@pytest.mark.parametrize('mode', MODES)
def test_every_mode_writes_strips_and_clips(tiny_config, tmp_path, run_main,
                                            mode, phase):
    run_main('misc/browse_dataset.py', tiny_config, '--output-dir', tmp_path,
             '--mode', mode, '--phase', phase, '--max-item-per-dataset', 2,
             '--height', 96)
    pictures = sorted(tmp_path.glob('*.png'))
    assert len(pictures) == 2
    # the video's name is in the file's
    assert all('_synthetic_' in path.name for path in pictures)
    config = Config.fromfile(str(tiny_config))
    steps = len(config[f'{phase}_dataloader'].dataset.pipeline)
    rows = steps if mode == 'pipeline' else 1
    picture = cv2.imread(str(pictures[0]))
    assert rows * 96 < picture.shape[0] < (rows + 1) * 150
    with av.open(str(pictures[0].with_suffix('.mp4'))) as container:
        frames = list(container.decode(video=0))
    assert len(frames) == 5 and frames[0].height > 96


def test_the_pose_is_drawn_where_the_person_is(tiny_config):
    """Drawing changes the key frame alone, near the joints and the box."""
    browser = DatasetBrowser.from_config(
        tiny_config, 'val', 'original', height=240)
    info = browser.dataset.get_data_info(0)
    sample = browser.draw(0)
    plain = [
        cv2.resize(
            cv2.imread(path),
            sample.frames[0].shape[1::-1],
            interpolation=cv2.INTER_CUBIC) for path in info['frame_paths']
    ]
    changed = [(a != b).any(axis=2) for a, b in zip(sample.frames, plain)]
    assert [c.any()
            for c in changed] == [t == info['key_frame'] for t in range(5)]
    rows, columns = np.nonzero(changed[info['key_frame']])
    x1, y1, x2, y2 = 2 * info['bbox'][0]
    joints = 2 * info['keypoints'][0][info['keypoints_visible'][0] > 0]
    left, top = np.minimum(joints.min(axis=0), (x1, y1)) - 5
    right, bottom = np.maximum(joints.max(axis=0), (x2, y2)) + 5
    assert columns.min() >= left and columns.max() <= right
    assert rows.min() >= top and rows.max() <= bottom


@pytest.mark.parametrize('use_udp', [True, False])
def test_the_outline_is_what_the_crop_shows(tiny_config, use_udp):
    """The corners drawn in the frame are the corners of the crop."""
    browser = DatasetBrowser.from_config(
        tiny_config, 'train', 'pipeline', height=96)
    results = browser.dataset.get_data_info(0)
    for step in browser.steps:
        if type(step).__name__ == 'TopdownAffine':
            break
        results = step(results)
    step.use_udp = use_udp
    results['bbox_rotation'] = np.array([30.], np.float32)
    corners, = browser._outlines(results)
    # seen as keypoints, the warp brings them to the crop's corners
    results['keypoints'] = corners[None].astype(np.float32)
    results['keypoints_visible'] = np.ones((1, 4), np.float32)
    warped = step(results)['transformed_keypoints'][0]
    expected = np.array([(0, 0), (63, 0), (63, 95), (0, 95)])
    assert np.abs(warped - expected).max() < 1.5


def test_mistakes_are_named(tiny_config, tmp_path, run_main):
    with pytest.raises(SystemExit, match='--indices'):
        run_main('misc/browse_dataset.py', tiny_config, '--output-dir',
                 tmp_path, '--indices', 0, 999)
    with pytest.raises(SystemExit) as end:
        run_main('misc/browse_dataset.py', tiny_config, '--clip', 'gif')
    assert end.value.code == 2
    with pytest.raises(SystemExit, match='LoadFrameSequence.*LoadImage'):
        run_main('misc/browse_dataset.py', tiny_config, '--output-dir',
                 tmp_path, '--cfg-options',
                 'train_dataloader.dataset.pipeline.0.type=LoadImage')
    with pytest.raises(SystemExit, match='no test_dataloader'):
        run_main('misc/browse_dataset.py', tiny_config, '--output-dir',
                 tmp_path, '--phase', 'test', '--cfg-options',
                 'test_dataloader=None')
