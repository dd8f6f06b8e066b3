"""The demo's steps: which public tool does what, in which order."""
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Optional, Tuple

from .steps import Step

#: The repository's root: the demo runs from a checkout.
ROOT = Path(__file__).resolve().parents[2]

_CONFIGS = ROOT / 'configs' / 'tdmi' / 'synthetic'


@dataclass(frozen=True)
class DemoSettings:
    """What the demo is run with.

    Args:
        folder (Path): Where everything goes.
        train_videos (int): Generated videos to train on.
        val_videos (int): Generated videos held out.
        frames (int): Frames of each video.
        seed (int): Seed of the generator.
        video (Path, optional): The user's own video.
    """
    folder: Path
    train_videos: int = 72
    val_videos: int = 12
    frames: int = 16
    seed: int = 0
    video: Optional[Path] = None

    @property
    def clips(self) -> Path:
        """Path: Root of the generated data set."""
        return self.folder / 'clips'

    @property
    def boxes(self) -> Path:
        """Path: The detector's boxes on the held-out videos."""
        return self.folder / 'detections_val.json'

    @property
    def val_annotations(self) -> Path:
        """Path: Merged annotations of the held-out videos."""
        return self.clips / 'annotations' / 'synthetic_val.json'


@dataclass(frozen=True)
class DemoModel:
    """A model that the demo trains and tests.

    Args:
        name (str): Short identifier, also the name of its work folder.
        title (str): As the report calls it.
        config (Path): Its config.
    """
    name: str
    title: str
    config: Path


SINGLE_FRAME = DemoModel(
    'single_frame', 'Single frame',
    _CONFIGS / 'td-hm_hrnet-light_1xb32-24e_synthetic-96x64.py')
TDMI = DemoModel('tdmi', 'TDMI (5 frames)',
                 _CONFIGS / 'tdmi_hrnet-light_1xb16-4e_synthetic-96x64.py')
MODELS = (SINGLE_FRAME, TDMI)
DETECTOR_CONFIG = ROOT / 'configs' / 'detection' / 'DETECTOR'
#: Box sources that the models are tested with, and how the report calls them.
BOX_SOURCES = {'gt': 'ground-truth boxes', 'det': 'detected boxes'}


def checkpoint(settings: DemoSettings, name: str) -> Path:
    """The checkpoint that a finished training leaves under a fixed name."""
    return settings.folder / name / 'final.pth'


def metrics_file(settings: DemoSettings, model: str, boxes: str) -> Path:
    """Where the figures of a test go."""
    return settings.folder / 'results' / f'{model}_{boxes}.json'


def predictions_folder(settings: DemoSettings, model: str,
                       boxes: str) -> Path:
    """Where the predictions of a test go, one json a video."""
    return settings.folder / 'results' / f'{model}_{boxes}'
