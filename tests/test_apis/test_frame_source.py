"""Frames of videos, folders and globs by index."""
import numpy as np
import pytest

from mmpose_tdmi.apis import open_frames
from mmpose_tdmi.utils.video import VideoReader, VideoReadError


def test_folder_glob_and_video_give_the_same_frames(clip):
    folder = open_frames(clip.folder)
    pattern = open_frames(str(clip.folder / '*.png'))
    video = open_frames(clip.video)
    assert isinstance(video, VideoReader)
    assert len(folder) == len(pattern) == len(video) == 7
    assert folder.size == video.size == (128, 96)
    assert (folder.fps, video.fps) == (25, 12.5)
    for i in (3, 0, 6):
        np.testing.assert_array_equal(folder[i], clip.frames[i])
        np.testing.assert_array_equal(folder[i], pattern[i])
        # chroma is stored at half the resolution
        assert np.abs(folder[i].astype(int) - video[i]).mean() < 12


def test_nothing_to_open(tmp_path, clip):
    with pytest.raises(FileNotFoundError, match='none.mp4 does not exist'):
        open_frames(tmp_path / 'none.mp4')
    with pytest.raises(FileNotFoundError, match='no image files'):
        open_frames(tmp_path)
    (tmp_path / 'text.mp4').write_text('no video')
    with pytest.raises(VideoReadError, match='text.mp4'):
        open_frames(tmp_path / 'text.mp4')
    with pytest.raises(IndexError, match='no frame 7'):
        open_frames(clip.folder)[7]
