"""Who is drawn."""
import json

import cv2
import numpy as np
import pytest

from projects.known_truth.gallery.subjects import (FEW, MANY, hidden_subjects,
                                                   video_subject)
from projects.known_truth.slices import SLICES

SEEN, UNSEEN = (1 << SLICES.index(n) for n in ('hidden_seen', 'hidden_unseen'))


@pytest.fixture
def annotated(tmp_path):
    """Writes an annotation of one person a video: numbers of joints that are
    seen nearby, and that are not."""

    def write(counts):
        images, annotations = [], []
        for video, (seen, unseen) in enumerate(counts):
            for frame in range(3):
                name = f'images/val/{video:06d}_synthetic_val/{frame:06d}.jpg'
                (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(
                    str(tmp_path / name),
                    np.full((8, 8, 3), 40 * frame, np.uint8))
                images.append(
                    dict(
                        id=10 * video + frame,
                        vid_id=f'{video:06d}',
                        file_name=name))
            slices = [SEEN] * seen + [UNSEEN] * unseen
            slices += [1] * (17 - len(slices))
            annotations.append(
                dict(
                    id=video,
                    image_id=10 * video + 1,
                    track_id=4,
                    bbox=[1, 2, 3, 4],
                    bbox_head=[0, 0, 3, 4],
                    occluded=[bits != 1 for bits in slices],
                    keypoints=[0, 0, 0] + [5, 6, 1] * 16,
                    slices=slices))
        path = tmp_path / 'val.json'
        path.write_text(
            json.dumps(dict(images=images, annotations=annotations)))
        return path

    return write


def test_persons_are_chosen_by_their_hidden_joints(annotated, tmp_path):
    path = annotated([(FEW, 0), (FEW - 1, 0), (MANY, 0), (MANY + 1, 0),
                      (FEW, 1), (FEW + 1, 0)])
    subjects = hidden_subjects(path, tmp_path, 10)
    assert [s.name.split('_')[0]
            for s in subjects] == ['000000', '000002', '000005']
    assert len(hidden_subjects(path, tmp_path, 2)) == 2
    first = subjects[0]
    assert first.key == 1 and len(first.frames) == 3
    assert abs(int(first.frames[2].mean()) - 80) < 3  # ascending in time
    assert first.bbox.tolist() == [1, 2, 4, 6]
    assert first.hidden.sum() == FEW
    assert np.isnan(first.keypoints[0]).all() and first.keypoints[1, 1] == 6
    assert np.isclose(first.head_size, .6 * 5)


def test_annotations_without_slices_are_refused(annotated, tmp_path):
    path = annotated([(FEW, 0)])
    content = json.loads(path.read_text())
    del content['annotations'][0]['slices']
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match='no slices'):
        hidden_subjects(path, tmp_path, 1)


def test_windows_end_at_the_nearest_frame(subject):
    frames = subject.window((-5, -1, 0, 1, 4))
    expected = [0, 2, 3, 4, 6]
    assert all(a is subject.frames[b] for a, b in zip(frames, expected))


def test_a_person_of_a_real_video(shared_clips):
    video = shared_clips / 'street' / 'demo.mp4'
    person = video_subject(video, 'street', 1, (1, 2, 30, 40), 2)
    assert len(person.frames) == 4 and person.key == 1
    assert person.keypoints is None and person.name == 'demo_1'
