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

_TDMI = 'tdmi/synthetic/tdmi_hrnet-light_1xb16-1e_synthetic-96x64.py'
_ABLATION = ('ablations/synthetic/'
             'tdmi_hrnet-light_1xb16-1e_synthetic-96x64_{}.py')


@dataclass(frozen=True)
class System:
    """One row of the tables.

    Args:
        name (str): Short identifier.
        title (str): What the tables call it.
        config (str): Its config, relative to ``configs``.
        options (Mapping): Changes of the config, dotted keys to values.
        iterations (float): Times the iterations that all others get.
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
TDMI = System('tdmi', 'TDMI', _TDMI)

SYSTEMS: Dict[str, System] = {
    system.name: system
    for system in (
        SINGLE_FRAME,
        TDMI,
        System('tdmi_st', 'TDMI-ST', _ABLATION.format('tdmi-st')),
        System('tde_only', 'TDE only, no RDM', _ABLATION.format('tde-only')),
        System('no_mi', 'factorisation without MI',
               _ABLATION.format('factorisation-only')),
        System('mi_released', 'MI as released', _ABLATION.format(
            'mi-released')),
        System('channel_split', 'channel split',
               _ABLATION.format('channel-split')),
        System('last_stage', 'last stage only', _ABLATION.format(
            'last-stage')),
        System('concat', 'stages concatenated', _ABLATION.format('concat')),
        System('progressive', 'progressive, no modulation',
               _ABLATION.format('progressive')),
        System('delta_1', 'delta = 1', _ABLATION.format('delta-1')),
        System('delta_3', 'delta = 3', _ABLATION.format('delta-3')),
        System('blocks_2222', 'blocks 2, 2, 2, 2',
               _ABLATION.format('blocks-2-2-2-2')),
        System('blocks_3322', 'blocks 3, 3, 2, 2',
               _ABLATION.format('blocks-3-3-2-2')),
        System(
            'posewarper', 'PoseWarper-like', 'rivals/synthetic/'
            'posewarper_hrnet-light_1xb16-1e_synthetic-96x64.py'),
        System(
            'dcpose', 'DCPose-like', 'rivals/synthetic/'
            'dcpose_hrnet-light_1xb16-1e_synthetic-96x64.py'),
        System(
            'fami_pose', 'FAMI-Pose-like', 'rivals/synthetic/'
            'fami-pose_hrnet-light_1xb16-1e_synthetic-96x64.py'),
        System(
            'temporal_attention', 'temporal attention', 'rivals/synthetic/'
            'temporal-attention_hrnet-light_1xb16-1e_synthetic-96x64.py'),
        System(
            'single_frame_time',
            'single frame, for TDMI\'s time',
            SINGLE_FRAME.config,
            SINGLE_FRAME.options,
            iterations=5.75),
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
          ('single_frame', 'single_frame_time', 'tdmi', 'tdmi_st'),
          'TDMI beats the single frame, TDMI-ST is a little better still'),
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
          ('no_mi', 'mi_released', 'tdmi'),
          'none; the authors\' code has the second, the third is VSD'),
    Table('The window', ('delta_1', 'tdmi', 'delta_3'),
          'not varied in the paper, which has delta = 2'),
    Table('Residual blocks of the stages',
          ('tdmi', 'blocks_2222', 'blocks_3322'),
          'the paper has 3, 3, 2, 2, its authors\' code two each'),
    Table('Other methods', ('single_frame', 'posewarper', 'dcpose',
                            'fami_pose', 'temporal_attention', 'tdmi'),
          'PoseWarper < DCPose < FAMI-Pose < TDMI'),
)
