"""The systems that the benchmark compares, and the tables they are rows of.

A system is a config of this repository; the rest of its training is the
benchmark's (:mod:`.composition`). A config that is not there is "not run".

Shape shorthand: none.
"""
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, Mapping, Sequence, Tuple

#: The repository's root: the benchmark runs from a checkout.
ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / 'projects' / 'known_truth'

_TDMI = 'tdmi/synthetic/tdmi_hrnet-light_1xb16-1e_synthetic-96x64.py'
_ABLATION = ('ablations/synthetic/'
             'tdmi_hrnet-light_1xb16-1e_synthetic-96x64_{}.py')
_RIVAL = 'rivals/synthetic/{}_hrnet-light_1xb16-1e_synthetic-96x64.py'
#: The single-frame model's backbone stays as it is, as the other methods'
#: configs have it: what is compared is what each makes of the same features.
_FROZEN = {'model.backbone.frozen': True}


@dataclass(frozen=True)
class System:
    """One row of the tables.

    Args:
        name (str): Short identifier.
        title (str): What the tables call it.
        config (str): Its config, relative to ``configs``.
        options (Mapping): Changes of the config, dotted keys to values.
        iterations (float): Times the iterations that all others get; with 0
            it is tested as it starts.
    """
    name: str
    title: str
    config: str
    options: Mapping[str, Any] = field(default_factory=dict)
    iterations: float = 1.

    @property
    def path(self) -> Path:
        """Path: The config."""
        return ROOT / 'configs' / self.config


#: The pretraining, and what all are compared with.
SINGLE_FRAME = System(
    'single_frame', 'single frame',
    'tdmi/synthetic/td-hm_hrnet-light_1xb16-5e_synthetic-96x64.py',
    dict(
        optim_wrapper=dict(
            optimizer=dict(type='AdamW', lr=5e-4, weight_decay=0.01))))
TDMI = System('tdmi', 'TDMI', _TDMI, _FROZEN)
#: What the other rows of a table are subtracted from, where it is one.
REFERENCES = (SINGLE_FRAME.name, 'single_frame_long', TDMI.name)


def _ablation(name: str, title: str, ablation: str) -> System:
    return System(name, title, _ABLATION.format(ablation), _FROZEN)


def _rival(name: str, title: str, stem: str, **options: Any) -> System:
    return System(name, title, _RIVAL.format(stem), options)


SYSTEMS: Dict[str, System] = {
    system.name: system
    for system in (
        SINGLE_FRAME,
        TDMI,
        System('tdmi_trained', 'TDMI, backbone trained', _TDMI),
        _ablation('tdmi_st', 'TDMI-ST', 'tdmi-st'),
        _ablation('tdmi_window', 'TDMI, window', 'window-shortcut'),
        _ablation('tde_only', 'TDE only, no RDM', 'tde-only'),
        _ablation('no_mi', 'factorisation without MI', 'factorisation-only'),
        System('mi_weak', 'MI (VSD), alpha 0.01', _TDMI, {
            **_FROZEN, 'model.head.mi_loss.alpha.end': 0.01
        }),
        _ablation('mi_released', 'MI as released', 'mi-released'),
        _ablation('channel_split', 'channel split', 'channel-split'),
        _ablation('last_stage', 'last stage only', 'last-stage'),
        _ablation('concat', 'stages concatenated', 'concat'),
        _ablation('progressive', 'progressive, no modulation', 'progressive'),
        _ablation('delta_1', 'delta = 1', 'delta-1'),
        _ablation('delta_3', 'delta = 3', 'delta-3'),
        _ablation('blocks_2222', 'blocks 2, 2, 2, 2', 'blocks-2-2-2-2'),
        _ablation('blocks_3322', 'blocks 3, 3, 2, 2', 'blocks-3-3-2-2'),
        _rival('posewarper', 'PoseWarper-like', 'posewarper'),
        # at a rate of zero it stays what it starts as
        System(
            'frames_averaged',
            'frames\' heatmaps averaged, untrained',
            _RIVAL.format('posewarper'), {'optim_wrapper.optimizer.lr': 0.},
            iterations=1 / 400),
        _rival('dcpose', 'DCPose-like', 'dcpose'),
        _rival('fami_pose', 'FAMI-Pose-like', 'fami-pose'),
        _rival('temporal_attention', 'temporal attention',
               'temporal-attention', **_FROZEN),
        System(
            'single_frame_long',
            'single frame, 3x samples',
            SINGLE_FRAME.config,
            SINGLE_FRAME.options,
            iterations=3.),
        System(
            'no_mi_long',
            'TDMI without MI, 3x samples',
            _ABLATION.format('factorisation-only'),
            _FROZEN,
            iterations=3.),
        System(
            'tdmi_window_long',
            'TDMI, window, 3x samples',
            _ABLATION.format('window-shortcut'),
            _FROZEN,
            iterations=3.),
        System(
            'known_motion',
            'the same along the true motion (no method)',
            '../projects/known_truth/configs/known_motion.py',
            iterations=0),
        System(
            'known_velocity',
            'the same along the true velocity (no method)',
            '../projects/known_truth/configs/known_motion.py',
            {'model.head.constant_velocity': True},
            iterations=0),
    )
}


@dataclass(frozen=True)
class Table:
    """A comparison.

    Args:
        title (str): Its heading.
        rows (Sequence[str]): Names of systems, in the order of the paper.
        claim (str): What the paper says about these rows.
    """
    title: str
    rows: Sequence[str]
    claim: str


TABLES: Tuple[Table, ...] = (
    Table('Single frame, TDMI, TDMI-ST',
          ('single_frame', 'tdmi', 'no_mi', 'tdmi_trained', 'tdmi_st'),
          'TDMI beats the single frame, TDMI-ST is a little better still'),
    Table('What TDMI starts as',
          ('single_frame', 'frames_averaged', 'known_velocity', 'known_motion',
           'tdmi', 'tdmi_window'),
          'no such rows; the last starts as the second, not as the first'),
    Table('Longer training',
          ('single_frame_long', 'no_mi_long', 'tdmi_window_long'),
          'no such rows; all have three times the samples of the others'),
    Table('The method\'s parts (Table 5)',
          ('single_frame', 'tde_only', 'no_mi', 'tdmi'),
          'each part adds: TDE, then RDM with the MI objective'),
    Table('The temporal difference encoder (Table 6)',
          ('last_stage', 'concat', 'progressive', 'tdmi'),
          'last stage < concatenation < progressive < with modulation'),
    Table('Disentanglement (Table 7)',
          ('tde_only', 'channel_split', 'no_mi', 'tdmi'),
          'channel split < no RDM < factorisation < with MI'),
    Table('The estimator of mutual information',
          ('no_mi', 'mi_weak', 'mi_released', 'tdmi'),
          'none; the authors\' code has the second, the third is VSD'),
    Table('The window', ('delta_1', 'tdmi', 'delta_3'),
          'not varied in the paper, which has delta = 2'),
    Table('Residual blocks of the stages',
          ('tdmi', 'blocks_2222', 'blocks_3322'),
          'the paper has 3, 3, 2, 2, its authors\' code two each'),
    Table('Other methods',
          ('single_frame', 'frames_averaged', 'posewarper', 'dcpose',
           'fami_pose', 'temporal_attention', 'tdmi', 'tdmi_window'),
          'PoseWarper < DCPose < FAMI-Pose < TDMI'),
)
