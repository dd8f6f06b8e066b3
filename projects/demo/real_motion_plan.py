"""Fine-tuning on real videos as steps of the public tools."""
from dataclasses import dataclass
from pathlib import Path
from typing import List, Tuple

from mmengine.config import Config

from .cases import load_cases, spread_cases
from .figures import contact_sheet
from .plan import ROOT, mim, script
from .real_motion import annotation_file, boxes_file
from .report import GROUPS, read_metrics
from .steps import Step

CONFIG = ROOT / ('configs/tdmi/real_motion'
                 '/tdmi_hrnet-light_1xb8-12e_real-motion-96x64.py')

#: Model names: as given, and after fine-tuning.
BEFORE, AFTER = 'before', 'after'


@dataclass(frozen=True)
class RealMotionSettings:
    """What is fine-tuned on what.

    Args:
        folder (Path): Where everything goes.
        checkpoint (Path): The weights to start from.
        videos (tuple[str, ...]): Names of the labelled videos.
    """
    folder: Path
    checkpoint: Path
    videos: Tuple[str, ...]

    @property
    def data(self) -> Path:
        """Path: Root of the extracted data set."""
        return self.folder / 'data'

    def annotations(self, video: str, split: str) -> Path:
        """The merged annotations of a video's split."""
        return annotation_file(self.data, video, split)

    def boxes(self, video: str) -> Path:
        """The boxes of a video's annotations, as a detection file."""
        return boxes_file(self.data, video)

    def trained(self, video: str) -> Path:
        """The checkpoint that was fine-tuned on a video."""
        epochs = Config.fromfile(str(CONFIG)).train_cfg.max_epochs
        return self.folder / f'trained_on_{video}' / f'epoch_{epochs}.pth'

    def tests(self, trained_on: str) -> List[Tuple[str, str]]:
        """What a model is tested on: (video, split), its own rest first."""
        others = [(v, 'all') for v in self.videos if v != trained_on]
        return [(trained_on, 'test'), *others]

    def result(self, trained_on: str, model: str, video: str) -> Path:
        """Figures (``.json``) and predictions (folder) of a test."""
        return (self.folder / 'results' / f'{trained_on}_{model}_on_{video}')


def plan(settings: RealMotionSettings) -> List[Step]:
    """Fine-tune on each video, test before and after, draw.

    Args:
        settings (RealMotionSettings): What to run it with.

    Returns:
        list[Step]: The steps, in order.
    """
    steps = []
    for video in settings.videos:
        steps.append(_train(settings, video))
        for tested, split in settings.tests(video):
            for model, weights in ((BEFORE, settings.checkpoint),
                                   (AFTER, settings.trained(video))):
                steps.append(
                    _test(settings, video, model, weights, tested, split))
        for tested, _ in settings.tests(video)[1:]:
            steps.append(_draw(settings, video, tested))
    return steps


def results_table(settings: RealMotionSettings) -> List[List[str]]:
    """AP before and after fine-tuning, a header row first."""
    rows = [['fine-tuned on', 'tested on', 'weights', *GROUPS]]
    for trained_on in settings.videos:
        for tested, split in settings.tests(trained_on):
            part = 'rest of it' if split == 'test' else f'{tested}, whole'
            for model in (BEFORE, AFTER):
                metrics = read_metrics(
                    settings.result(trained_on, model,
                                    tested).with_suffix('.json'))
                rows.append([
                    f'{trained_on}, first part', part, model,
                    *(f'{metrics[g]:.1f}' for g in GROUPS)
                ])
    return rows


def write_pictures(settings: RealMotionSettings) -> List[Path]:
    """A contact sheet for each test.

    Args:
        settings (RealMotionSettings): What was run.

    Returns:
        list[Path]: The pictures.
    """
    pictures = []
    for trained_on in settings.videos:
        for tested, split in settings.tests(trained_on):
            cases = load_cases(
                settings.annotations(tested, split), settings.data, {
                    model: settings.result(trained_on, model, tested)
                    for model in (BEFORE, AFTER)
                })
            picture = settings.folder / f'{trained_on}_on_{tested}.png'
            contact_sheet(
                spread_cases(cases, 6), {
                    BEFORE: BEFORE,
                    AFTER: AFTER
                },
                picture,
                f'{tested}; fine-tuned on {trained_on}',
                truth='given label')
            pictures.append(picture)
    return pictures


def _train(settings: RealMotionSettings, video: str) -> Step:
    return Step(
        f'train_{video}', f'Fine-tune on the first part of {video}', (mim(
            'train', 'mmpose', CONFIG, '--work-dir',
            settings.trained(video).parent, '--resume', '--no-validate',
            '--cfg-options', 'randomness.seed=0',
            f'model.init_cfg.checkpoint={settings.checkpoint}',
            f'train_dataloader.dataset.data_root={settings.data}/',
            'train_dataloader.dataset.ann_file='
            f'annotations/{settings.annotations(video, "train").name}'), ))


def _test(settings: RealMotionSettings, trained_on: str, model: str,
          weights: Path, tested: str, split: str) -> Step:
    annotations = settings.annotations(tested, split)
    result = settings.result(trained_on, model, tested)
    return Step(
        f'test_{result.name}',
        f'Test on {tested} ({split}), {model} fine-tuning on {trained_on}',
        (mim(
            'test', 'mmpose', CONFIG, '--checkpoint', weights, '--work-dir',
            settings.folder / 'results' / 'logs', '--out',
            result.with_suffix('.json'), '--cfg-options',
            f'test_dataloader.dataset.data_root={settings.data}/',
            f'test_dataloader.dataset.ann_file=annotations/{annotations.name}',
            f'test_evaluator.ann_file={annotations}',
            f'test_evaluator.out_dir={result}'), ))


def _draw(settings: RealMotionSettings, trained_on: str, video: str) -> Step:
    name = f'{video}_by_model_trained_on_{trained_on}'
    frames = settings.data / 'images' / video
    return Step(
        f'draw_{name}', f'Draw {video}, fine-tuned on {trained_on}',
        (script('tools/infer_video.py', frames, CONFIG,
                settings.trained(trained_on), '--boxes', settings.boxes(video),
                '--ann-file', settings.annotations(video, 'all'), '--name',
                name, '--out-dir', settings.folder / 'videos'), ))
