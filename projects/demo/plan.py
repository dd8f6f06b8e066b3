"""The demo's steps: which public tool does what, in which order."""
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import List, Optional, Sequence, Tuple

from mmengine.config import Config

from mmpose_tdmi.apis.models import DEFAULT, look_up
from projects.synthetic.generator import video_name
from .steps import Command, Step

#: The repository's root: the demo runs from a checkout.
ROOT = Path(__file__).resolve().parents[2]

#: Box sources that the models are tested with, and what the report calls
#: them.
BOX_SOURCES = {'gt': 'ground truth', 'det': 'detector'}


@dataclass(frozen=True)
class DemoModel:
    """A model that the demo trains and tests.

    Args:
        name (str): Short identifier, also the name of its work folder.
        title (str): What the report calls it.
        config (Path): Its config.
    """
    name: str
    title: str
    config: Path


SINGLE_FRAME = DemoModel(
    'single_frame', 'single frame', ROOT / 'configs/tdmi/synthetic'
    '/td-hm_hrnet-light_1xb16-5e_synthetic-96x64.py')
TDMI = DemoModel(
    'tdmi', 'TDMI', ROOT / 'configs/tdmi/synthetic'
    '/tdmi_hrnet-light_1xb16-1e_synthetic-96x64.py')
MODELS = (SINGLE_FRAME, TDMI)
#: What the outputs for the generated video that is drawn are called.
SHOWCASE = 'held_out'
#: The name of the small model of real people, see tools/infer_video.py.
REAL_PEOPLE = 'real-people'
DETECTOR_CONFIG = ROOT / 'configs/detection/rtmdet_r18_synthetic.py'


@dataclass(frozen=True)
class DemoSettings:
    """What the demo is run with.

    Args:
        folder (Path): Where everything goes.
        train_videos (int): Generated videos to train on.
        val_videos (int): Generated videos held out.
        frames (int): Frames of each: many short videos have more people and
            scenes than few long ones.
        seed (int): Seed of the generator and the trainings.
        video (Path, optional): The user's own video.
        excuse (str): Why that is not drawn on by MMPose's default models;
            empty if it is.
    """
    folder: Path
    train_videos: int = 420
    val_videos: int = 40
    frames: int = 6
    seed: int = 0
    video: Optional[Path] = None
    excuse: str = ''

    @property
    def clips(self) -> Path:
        """Path: Root of the generated data set."""
        return self.folder / 'clips'

    @property
    def val_annotations(self) -> Path:
        """Path: Merged annotations of the held-out videos."""
        return self.clips / 'annotations' / 'synthetic_val.json'

    @property
    def detected_boxes(self) -> Path:
        """Path: The detector's boxes on the held-out videos."""
        return self.folder / 'boxes_val.json'

    @property
    def detector_checkpoint(self) -> Path:
        """Path: The trained detector."""
        iters = Config.fromfile(str(DETECTOR_CONFIG)).train_cfg.max_iters
        return self.folder / 'detector' / f'iter_{iters}.pth'

    def checkpoint(self, model: DemoModel) -> Path:
        """The checkpoint of a model's last epoch."""
        epochs = Config.fromfile(str(model.config)).train_cfg.max_epochs
        return self.folder / model.name / f'epoch_{epochs}.pth'

    @property
    def showcase(self) -> Path:
        """Path: Root of one longer held-out video, for drawing on."""
        return self.folder / 'showcase'

    @property
    def showcase_frames(self) -> Path:
        """Path: The frames of that video."""
        return self.showcase / 'images' / 'val' / video_name('val', 0)

    def drawn_video(self, name: str) -> Path:
        """A video with skeletons."""
        return self.folder / 'videos' / f'{name}.mp4'

    def metrics(self, model: DemoModel, boxes: str) -> Path:
        """The json with the figures of a test."""
        return self.folder / 'results' / f'{model.name}_{boxes}.json'

    def predictions(self, model: DemoModel, boxes: str) -> Path:
        """The folder with the predictions of a test, a json a video."""
        return self.folder / 'results' / f'{model.name}_{boxes}'


#: Steps that run one after another, beside other such rows.
Lane = Sequence[Step]


def plan(settings: DemoSettings) -> List[List[Lane]]:
    """All steps of the demo.

    Args:
        settings (DemoSettings): What to run it with.

    Returns:
        list[list[Lane]]: Stages, one after another, of lanes, side by side.
    """
    single_frame = settings.checkpoint(SINGLE_FRAME)
    drawings = [_draw(settings, settings.showcase_frames, SHOWCASE)]
    if settings.video is not None:
        drawings.append(_draw_own(settings))
    return [
        [[_generate(settings)]],
        [
            [_train_detector(settings),
             _detect(settings)],
            [
                _train(settings, SINGLE_FRAME,
                       'Pretrain the single-frame model'),
                _train(settings, TDMI, 'Train TDMI from it',
                       f'model.init_cfg.checkpoint={single_frame}'),
            ],
        ],
        [[_test(settings, model, boxes) for boxes in BOX_SOURCES]
         for model in MODELS],
        [[drawing] for drawing in drawings],
    ]


def _generate(settings: DemoSettings) -> Step:
    common = ('--size', 480, 360, '--seed', settings.seed, '--workers', 2)
    return Step('generate', 'Generate clips with known poses', (
        script('projects/synthetic/generate_clips.py', settings.clips,
               '--train', settings.train_videos, '--val', settings.val_videos,
               '--frames', settings.frames, '--label-margin', 1, *common),
        script('projects/synthetic/generate_clips.py', settings.showcase,
               '--train', 0, '--val', 1, '--frames', 40, *common),
    ))


def _train_detector(settings: DemoSettings) -> Step:
    root = f'{settings.clips}/'
    return Step('detector', 'Train a small person detector',
                (mim('train', 'mmdet', DETECTOR_CONFIG, '--work-dir',
                     settings.folder / 'detector', '--resume', '--cfg-options',
                     f'randomness.seed={settings.seed}',
                     f'train_dataloader.dataset.data_root={root}',
                     f'val_dataloader.dataset.data_root={root}'), ))


def _detect(settings: DemoSettings) -> Step:
    return Step(
        'detect', 'Detect people in the held-out videos',
        (script('tools/detect_persons.py', settings.val_annotations,
                DETECTOR_CONFIG, settings.detector_checkpoint, '--img-root',
                settings.clips, '--out', settings.detected_boxes), ))


def _train(settings: DemoSettings, model: DemoModel, title: str, *options:
           str) -> Step:
    return Step(model.name, title, (mim(
        'train', 'mmpose', model.config, '--work-dir',
        settings.folder / model.name, '--resume', '--no-validate',
        '--cfg-options', f'randomness.seed={settings.seed}',
        f'train_dataloader.dataset.data_root={settings.clips}/', *options), ))


def _test(settings: DemoSettings, model: DemoModel, boxes: str) -> Step:
    dataset = 'test_dataloader.dataset'
    options = [
        f'{dataset}.data_root={settings.clips}/',
        f'test_evaluator.ann_file={settings.val_annotations}',
        f'test_evaluator.out_dir={settings.predictions(model, boxes)}',
        f'test_evaluator.box_source={boxes}'
    ]
    if boxes == 'det':
        options += [
            f'{dataset}.bbox_file={settings.detected_boxes.resolve()}',
            f'{dataset}.bbox_score_thr=0.2'
        ]
    return Step(
        f'test_{model.name}_{boxes}',
        f'Test {model.title}, boxes: {BOX_SOURCES[boxes]}',
        (mim('test', 'mmpose', model.config, '--checkpoint',
             settings.checkpoint(model), '--work-dir',
             settings.folder / 'results' / 'logs', '--out',
             settings.metrics(model, boxes), '--cfg-options', *options), ))


def _draw(settings: DemoSettings, source: Path, name: str) -> Step:
    """Skeletons on a video, all by what was trained here."""
    return Step(f'draw_{name}', f'Draw skeletons on {source.name}', (script(
        'tools/infer_video.py', source, TDMI.config, settings.checkpoint(TDMI),
        '--det-config', DETECTOR_CONFIG, '--det-checkpoint',
        settings.detector_checkpoint, '--bbox-thr', 0.4, '--name', name,
        '--out-dir', settings.folder / 'videos'), ))


def _draw_own(settings: DemoSettings) -> Step:
    """Skeletons on the user's video, by whichever models there are."""
    name = own_name(settings)
    boxes = settings.folder / f'boxes_{name}.json'
    draw = script('tools/infer_video.py', settings.video, '--name', name,
                  '--out-dir', settings.folder / 'videos')
    commands: Tuple[Command, ...] = (draw, )
    if settings.excuse:
        commands = (script('projects/real_video/hog_boxes.py', settings.video,
                           boxes), (*draw, '--pose', REAL_PEOPLE, '--boxes',
                                    str(boxes)))
    return Step(f'draw_{name}', f'Draw skeletons on {settings.video.name}',
                commands)


def own_name(settings: DemoSettings) -> str:
    """What the outputs for the user's video are called."""
    model = REAL_PEOPLE if settings.excuse else DEFAULT
    return f'own_{settings.video.stem}_{model}'


def what_draws(settings: DemoSettings) -> str:
    """Which models draw on the user's video, and why these."""
    if settings.excuse:
        return (f'Drawn by {REAL_PEOPLE}, the small model of this repository '
                '(projects/real_video), frame by frame, with the boxes of '
                'OpenCV 4\'s people detector, which misses people who do not '
                'stand or walk; where it finds nobody, and with OpenCV 5, '
                'which has none, the whole image is taken for one person. '
                'It is no measure of what TDMI can do. MMPose\'s models could '
                f'not be had: {settings.excuse}')
    pose, detector = (
        Path(look_up(DEFAULT, scope).config).stem
        for scope in ('mmpose', 'mmdet'))
    return (f'Drawn by MMPose\'s default models, {pose} with the boxes of '
            f'{detector}, frame by frame: not by what was trained here.')


def script(path: str, *arguments: object) -> Command:
    """The command that runs one of the repository's scripts."""
    return (sys.executable, str(ROOT / path), *map(str, arguments))


def mim(verb: str, package: str, *arguments: object) -> Command:
    """A command of mim, OpenMMLab's command line."""
    return ('mim', verb, package, *map(str, arguments))
