"""What all systems of a benchmark start from.

A single-frame model, pretrained once, and the features that its backbone
gives for the clips.

Shape shorthand: none.
"""
from pathlib import Path
from typing import List

import numpy as np
import torch
from mmengine.runner import CheckpointLoader

from mmpose_tdmi.structures import FrameWindow
from mmpose_tdmi.utils.files import atomic_path
from projects.demo.steps import Step, run_steps
from .clips import BenchmarkClips
from .composition import compose, set_length
from .features import write_store
from .scale import Scale
from .systems import ROOT, SINGLE_FRAME, TDMI
from .workspace import file_hash, locked, tool, training_folder, write_config

CONFIGS = ROOT / 'projects' / 'known_truth' / 'configs'
#: Stored frames: what all systems' windows are within.
STORED = FrameWindow.from_config(delta=3)


class Foundation:
    """The pretrained model and its stored features, in a folder.

    Args:
        folder (Path): Clips, checkpoints and logs.
        scale (Scale): How large it is.
    """

    def __init__(self, folder: Path, scale: Scale) -> None:
        self.folder = Path(folder).resolve()
        self.scale = scale
        self.clips = BenchmarkClips(self.folder / 'clips', scale.clips)

    # Pretraining

    @property
    def pretrained(self) -> Path:
        """Path: The weights that all systems start from.

        Results can only be compared if they start from the same file: keep
        it to go on elsewhere.
        """
        return self.folder / 'pretrained.pth'

    def pretrain_steps(self) -> List[Step]:
        """The pieces of the pretraining."""
        scale = self.scale
        config = compose(CONFIGS / 'known_truth_pretrain.py',
                         SINGLE_FRAME.path, self.clips.root)
        set_length(config, scale.pretrain_epochs)
        config.randomness = dict(seed=0)
        path = write_config(self.folder / 'pretrain', config)
        stops = np.linspace(0, scale.pretrain_epochs,
                            scale.pretrain_pieces + 1).astype(int)[1:]
        return [
            Step(f'pretrain_{stop}', f'Pretrain to epoch {stop}',
                 (tool('train.py', path, '--work-dir',
                       training_folder(path.parent), '--resume',
                       '--cfg-options', f'train_cfg.max_epochs={stop}'), ))
            for stop in stops.tolist()
        ]

    def pretrain(self) -> None:
        """Run what is left of the pretraining.

        Raises:
            FileNotFoundError: If there are no clips.
            StepFailed: If a command fails.
        """
        self.clips.fingerprint()
        with locked(self.folder / 'pretrain.lock'):
            if self.pretrained.is_file():
                return
            run_steps(self.pretrain_steps(), self.folder)
            last = f'epoch_{self.scale.pretrain_epochs}.pth'
            content = CheckpointLoader.load_checkpoint(
                str(training_folder(self.folder / 'pretrain') / last),
                map_location='cpu')
            with atomic_path(self.pretrained) as temporary:
                torch.save(dict(state_dict=content['state_dict']), temporary)

    # Stored features

    def store(self, split: str) -> Path:
        """Path: The stored features of ``'train'`` or ``'val'``."""
        return self.folder / 'features' / split

    def write_stores(self, progress: bool = False) -> None:
        """Store the pretrained backbone's features, where they are not.

        Args:
            progress (bool): Show a progress bar. Defaults to False.
        """
        config = compose(CONFIGS / 'known_truth.py', TDMI.path,
                         self.clips.root, TDMI.options, self.pretrained)
        with locked(self.folder / 'features.lock'):
            for split, loader, passes in (('val', 'test_dataloader', 1),
                                          ('train', 'train_dataloader',
                                           self.scale.passes)):
                write_store(
                    config,
                    loader,
                    STORED,
                    self.store(split),
                    passes=passes,
                    num_workers=1,
                    about=dict(pretrained=file_hash(self.pretrained)),
                    progress=progress)
