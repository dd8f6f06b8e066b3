"""The small model of real people, and how it is trained and measured."""
import importlib.util
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DefaultScope
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.models.necks import FPN
from mmpose.registry import DATASETS, MODELS

from mmpose_tdmi.apis import VideoPoseInferencer
from mmpose_tdmi.apis.models import init_pose_model
from mmpose_tdmi.models.losses import SpatialCrossEntropyLoss
from mmpose_tdmi.utils.checkpoints import read_checkpoint
from projects.real_video import frames, stills
from projects.real_video.clips import Video
from projects.real_video.finest_map import FinestMapFPN
from projects.real_video.hog_boxes import HAS_DETECTOR, find_boxes, find_people
from projects.real_video.pck import forgiven, found, table, torsos
from projects.real_video.people import JOINTS, OTHER_SIDE, People, read_people
from projects.real_video.side_noise import SideNoiseLoss

ROOT = Path(__file__).resolve().parents[3]
CONFIGS = ROOT / 'projects/real_video/configs'
CONFIG = CONFIGS / 'real-people_mobilenetv2_192x144.py'
WEIGHTS = ROOT / 'projects/real_video/weights/real-people.pth'
CLIPS = ROOT.parent / 'shared' / 'clips' / 'real_motion'
needs_clips = pytest.mark.skipif(
    not CLIPS.is_dir(), reason=f'the real clips are not at {CLIPS}')

#: A person of 14 joints in pixels, who faces the camera.
PERSON = np.array([[40, 190], [42, 150], [44, 110], [56, 110], [58, 150],
                   [60, 190], [25, 105], [28, 80], [36, 50], [64, 50],
                   [72, 80], [75, 105], [50, 45], [50, 15]], float)


def make_people(*joints):
    joints = np.array(joints, float)
    return People([Path('x.jpg')] * len(joints),
                  np.tile([20., 10., 80., 200.], (len(joints), 1)), joints,
                  np.ones(joints.shape[:2], bool))


def test_the_joints_are_those_of_the_stills():
    info = Config.fromfile(CONFIGS / 'lsp14.py').dataset_info
    meta = parse_pose_metainfo(info.to_dict())
    assert meta['num_keypoints'] == len(meta['sigmas']) == 14
    assert len(meta['skeleton_links']) == 14
    assert (OTHER_SIDE[OTHER_SIDE] == np.arange(14)).all()
    assert (OTHER_SIDE == meta['flip_indices']).all()
    for name, other in zip(JOINTS, OTHER_SIDE):
        side, _, joint = name.partition('_')
        opposite = dict(left='right', right='left').get(side, side)
        assert JOINTS[other] == (f'{opposite}_{joint}' if joint else name)
    assert set(meta['upper_body_ids']) | set(meta['lower_body_ids']) == set(
        range(14))


@pytest.fixture
def data(tmp_path, monkeypatch):
    """Twenty stills, of which numbers 10 and 20 are held out."""
    source = tmp_path / 'stills'
    (source / 'images').mkdir(parents=True)
    rng = np.random.default_rng(0)
    images, persons = [], []
    for id_ in range(1, 21):
        image = rng.integers(0, 255, (210, 100, 3), np.uint8)
        cv2.imwrite(str(source / 'images' / f'{id_}.jpg'), image)
        images.append(
            dict(id=id_, file_name=f'{id_}.jpg', width=100, height=210))
        joints = np.column_stack([PERSON, np.full(14, 2.)])
        persons.append(
            dict(
                id=id_,
                image_id=id_,
                category_id=1,
                iscrowd=0,
                bbox=[20., 10., 60., 190.],
                area=11400.,
                num_keypoints=14,
                keypoints=joints.ravel().tolist()))
    category = dict(id=1, name='person', keypoints=list(JOINTS), skeleton=[])
    (source / 'stills.json').write_text(
        json.dumps(
            dict(images=images, annotations=persons, categories=[category])))
    monkeypatch.chdir(tmp_path)
    stills.split(source)
    return tmp_path / stills.DATA


def test_every_tenth_still_is_held_out(data):
    test = json.loads((data / 'annotations/test.json').read_text())
    train = json.loads((data / 'annotations/train.json').read_text())
    assert [image['id'] for image in test['images']] == [10, 20]
    assert {ann['image_id'] for ann in test['annotations']} == {10, 20}
    assert len(train['images']) == len(train['annotations']) == 18
    assert (data / 'images' / '10.jpg').is_file()


@pytest.mark.parametrize(
    'name',
    ['128x96_first', '128x96', '192x144', '192x144_longer', '192x144_video'])
def test_configs_train(data, name):
    config = Config.fromfile(CONFIGS / f'real-people_mobilenetv2_{name}.py')
    options = config.train_dataloader.dataset
    for part in options.get('datasets', [options]):
        part.ann_file = 'annotations/train.json'
        part.data_prefix.img = 'images/'
    with DefaultScope.overwrite_default_scope('mmpose'):
        batch = pseudo_collate([DATASETS.build(options)[i] for i in range(2)])
        model = MODELS.build(config.model).train()
    losses = model.loss(**model.data_preprocessor(batch, True))
    losses['loss_kpt'].backward()
    assert torch.isfinite(losses['loss_kpt'])
    # of the pyramid's maps only the finest is trained, of the backbone none
    # before the third stage
    assert model.neck.fpn_convs[0].conv.weight.grad is not None
    assert model.backbone.layer2[0].conv[0].conv.weight.grad is None
    assert model.backbone.layer3[0].conv[0].conv.weight.grad is not None


def test_the_finest_map_is_the_pyramids_first():
    options = dict(in_channels=[3, 5], out_channels=4, num_outs=2)
    pyramid, finest = FPN(**options), FinestMapFPN(**options)
    finest.load_state_dict(pyramid.state_dict())
    maps = torch.randn(1, 3, 8, 8), torch.randn(1, 5, 4, 4)
    only, = finest(maps)
    assert torch.equal(only, pyramid(maps)[0])


def test_pck_counts_joints_within_a_share_of_the_torso():
    people = make_people(PERSON)
    torso = np.hypot(64 - 44, 110 - 50)
    assert torsos(people) == pytest.approx([torso])
    near, far = PERSON.copy(), PERSON.copy()
    near[0, 0] += 0.19 * torso
    far[0, 0] += 0.21 * torso
    assert found(people, near[None]).all()
    assert found(people, far[None]).sum() == 13
    assert table(people, found(people, far[None]))['ankle'] == 50.


def test_without_a_torso_nobody_is_counted():
    people = make_people(PERSON, PERSON)
    people.labelled[1, JOINTS.index('left_hip')] = False
    # the other diagonal
    assert np.isfinite(torsos(people)).all()
    people.labelled[1, JOINTS.index('right_hip')] = False
    assert np.isnan(torsos(people)[1])
    far = people.joints + 1000
    hits = found(people, np.array([people.joints[0], far[1]]))
    assert table(people, hits)['all'] == 100.
    people = people._replace(labelled=people.labelled.copy())
    people.labelled[:, JOINTS.index('neck')] = False
    assert 'neck' not in table(people, found(people, people.joints))


def test_exchanged_sides_are_forgiven_where_that_is_asked_for():
    people = make_people(PERSON, PERSON)
    joints = np.array([PERSON[OTHER_SIDE], PERSON])
    assert found(people, joints)[0].sum() < 14
    assert found(people, joints)[1].all()
    assert forgiven(people, joints).all()


def test_labels_with_exchanged_sides_are_put_right(data, monkeypatch):
    path = data / 'annotations/train.json'
    content = json.loads(path.read_text())
    wrong = np.column_stack([PERSON, np.full(14, 2.)])[OTHER_SIDE]
    content['annotations'][3]['keypoints'] = wrong.ravel().tolist()
    path.write_text(json.dumps(content))
    monkeypatch.setattr(
        stills, 'Poser', lambda *_: lambda people:
        (np.tile(PERSON, (len(people.images), 1, 1)), None))
    stills.relabel('config', 'checkpoint')
    people = read_people(data / 'annotations/train_relabelled.json', data)
    assert (people.joints == PERSON).all()
    # who is seen from the side is left as labelled
    thin = PERSON.copy()
    thin[:, 0] = 50
    assert not stills.exchanged(make_people(thin[OTHER_SIDE]),
                                thin[None]).any()


def test_blazepose_puts_labels_right(data, capsys):
    """Of three people that it has, one with sides exchanged, one where it has
    too few joints to say so."""
    poses = {}
    for id_, joints, count in ((1, PERSON, 12), (2, PERSON[OTHER_SIDE], 12),
                               (3, PERSON[OTHER_SIDE], 5), (10, PERSON + 500,
                                                            12)):
        poses[id_] = {
            name: [*joint, .9]
            for name, joint in list(zip(JOINTS, joints.tolist()))[:count]
        }
    (data / 'blazepose.json').write_text(json.dumps(poses))
    stills.teach(data / 'blazepose.json')
    lines = capsys.readouterr().out.splitlines()
    assert 'has 1 of 2 people' in lines[0] and "'all': 0.0" in lines[0]
    assert 'has 3 of 18 people' in lines[1]
    assert lines[2] == '1 of 18 people relabelled'
    people = read_people(data / 'annotations/train_taught.json', data)
    np.testing.assert_allclose(people.joints[1], PERSON[OTHER_SIDE])
    for place in (0, 2, 3):
        np.testing.assert_allclose(people.joints[place], PERSON)


def test_frames_of_videos_become_stills(data):
    people = make_people(PERSON, PERSON + 3)
    images = [np.full((210, 100, 3), 50 * i, np.uint8) for i in range(4)]
    frames.write_frames('hall', [
        Video('a', images, people, np.array([0, 2])),
        Video('b', images, people, np.array([1, 3]))
    ])
    found = read_people(data / 'annotations/frames_hall.json', data / 'frames')
    np.testing.assert_allclose(found.joints, np.tile(people.joints, (2, 1, 1)))
    np.testing.assert_allclose(found.boxes, np.tile(people.boxes, (2, 1)))
    assert (found.labelled == np.tile(people.labelled, (2, 1))).all()
    assert [cv2.imread(str(x)).mean()
            for x in found.images] == pytest.approx([0, 100, 50, 150], abs=1)


def test_joints_of_posetracks_files_are_found_by_name(tmp_path):
    names = ['head_bottom', 'head_top', *JOINTS[:12]]
    ann = dict(
        image_id=1,
        bbox=[1., 2., 3., 4.],
        num_keypoints=14,
        keypoints=np.arange(42.).tolist())
    path = tmp_path / 'x.json'
    path.write_text(
        json.dumps(
            dict(
                images=[dict(id=1, file_name='a.jpg')],
                annotations=[ann, dict(ann, num_keypoints=0)],
                categories=[dict(keypoints=names)])))
    people = read_people(path, Path('images'))
    assert people.images == [Path('images/a.jpg')]
    assert people.boxes.tolist() == [[1, 2, 4, 6]]
    assert people.joints[0, JOINTS.index('neck')].tolist() == [0, 1]
    assert people.joints[0, 0].tolist() == [6, 7]


def test_the_weights_are_small_and_load_in_single_precision():
    assert WEIGHTS.stat().st_size <= 5e6
    stored = read_checkpoint(WEIGHTS)['state_dict']
    model = init_pose_model(CONFIG, WEIGHTS)
    assert model.dataset_meta['dataset_name'] == 'lsp14'
    assert {x.dtype for x in model.parameters()} == {torch.float32}
    weight = model.head.final_layer.weight
    assert torch.equal(weight, stored['head.final_layer.weight'].float())


def load_tool(name):
    spec = importlib.util.spec_from_file_location(name,
                                                  ROOT / f'tools/{name}.py')
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    return tool


def test_the_model_has_a_name_in_a_clone(monkeypatch):
    tool = load_tool('infer_video')
    monkeypatch.setattr('sys.argv', ['x', 'me.mp4', '--pose', 'real-people'])
    args = tool.parse_args()
    assert (args.config, args.checkpoint) == (CONFIG, WEIGHTS)
    monkeypatch.setattr('sys.argv', ['x', 'me.mp4', 'real-people', 'mine.pth'])
    assert tool.parse_args().checkpoint == 'mine.pth'


def test_a_video_without_people_is_taken_whole(tmp_path):
    for number in range(2):
        cv2.imwrite(
            str(tmp_path / f'{number:06d}.jpg'),
            np.full((96, 128, 3), 90, np.uint8))
    boxes = find_boxes(tmp_path)
    assert [box['image_id'] for box in boxes] == [0, 1]
    assert all(box['bbox'] == [0, 0, 128, 96] for box in boxes)


@needs_clips
@pytest.mark.skipif(
    not HAS_DETECTOR, reason='OpenCV 5 has no detector of people')
def test_skeletons_sit_on_the_person():
    """Of a clip that no training has seen; its labels are another model's."""
    video = cv2.VideoCapture(str(CLIPS / 'videos/drink.avi'))
    frames = [video.read()[1] for _ in range(5)]
    (*box, score), = find_people(frames[0]).tolist()
    box[2:] = box[0] + box[2], box[1] + box[3]
    inferencer = VideoPoseInferencer(CONFIG, WEIGHTS, device='cpu')
    result, = inferencer(
        frames[:1], boxes=[np.array([[*box, score]], np.float32)])
    joints = result.poses.persons[0].keypoints
    people = read_people(CLIPS / 'annotations/drink.json', CLIPS)
    people = People(*(field[:1] for field in people))
    assert table(people, forgiven(people, joints[None]))['all'] > 60


def test_a_disbelieved_label_loses_its_pull():
    torch.manual_seed(0)
    target = torch.zeros(1, 14, 8, 6)
    for joint in range(14):
        target[0, joint, joint // 2, joint % 2 * 4] = 1.
    weights = torch.ones(1, 14)
    believed = (10 * target[:, OTHER_SIDE.copy()]).requires_grad_()
    plain = SpatialCrossEntropyLoss()(believed, target, weights)
    loss = SideNoiseLoss(0.03)(believed, target, weights)
    # nothing is lost but the belief that this label is exchanged
    expected = SpatialCrossEntropyLoss()(10 * target, target,
                                         weights) - np.log(0.03) / 14
    assert loss.item() == pytest.approx(expected.item(), abs=1e-4)
    assert loss < plain
    gradient, = torch.autograd.grad(loss, believed)
    pulled = gradient * (target[:, OTHER_SIDE.copy()] - target)
    assert pulled.sum() < 0  # towards what it believed, not to the label

    output = torch.randn(3, 14, 8, 6)
    target = torch.rand(3, 14, 8, 6)
    weights = torch.randint(0, 2, (3, 14)).float()
    torch.testing.assert_close(
        SideNoiseLoss(1e-9)(output, target, weights),
        SpatialCrossEntropyLoss()(output, target, weights))
    with pytest.raises(ValueError, match='exchanged=0.7'):
        SideNoiseLoss(0.7)
