"""Importing the package is all that a config has to do."""
import subprocess
import sys

CODE = '''
from mmengine.registry import init_default_scope
init_default_scope('mmpose')
from mmengine.utils import import_modules_from_strings
import_modules_from_strings(['mmpose_tdmi'], allow_failed_imports=False)
from mmpose import registry
for name, classes in {expected!r}.items():
    for cls in classes:
        found = getattr(registry, name).get(cls)
        assert found is not None, (name, cls)
        assert found.__module__.startswith('mmpose_tdmi.'), found
import sys
assert not [x for x in sys.modules if x.split('.')[0] == 'projects']
'''
EXPECTED = {
    'DATASETS': [
        'PoseTrack17SequenceDataset', 'PoseTrack18SequenceDataset',
        'PoseTrack21SequenceDataset', 'HiEveSequenceDataset'
    ],
    'METRICS': ['PoseTrackMetric', 'HiEveMetric'],
    'OPTIM_WRAPPERS': ['CpuAmpOptimWrapper'],
    'TRANSFORMS': ['LoadFrameSequence', 'PackPoseSequenceInputs'],
    'WEIGHT_INITIALIZERS': ['Dirac'],
    'MODELS': [
        'BackboneWithFrames', 'DCPoseNeck', 'DisentanglementHead',
        'DisentanglementNeck', 'FAMIMutualInformationLoss', 'FAMIPoseHead',
        'FAMIPoseNeck', 'MultiStageHRNet', 'MultiStageViT',
        'MutualInformationLoss', 'OpticalFlowNeck', 'PoseWarpingNeck',
        'PoseidonNeck', 'SequencePoseDataPreprocessor',
        'SpatialCrossEntropyLoss', 'SpatialSoftmaxHead',
        'TemporalAttentionHead', 'TemporalDifferenceNeck'
    ],
    'HOOKS': [
        'AtomicCheckpointHook', 'ClipBadCaseHook', 'ClipVisualizationHook',
        'ExactResumeHook', 'NonFiniteGuardHook'
    ],
    'VISUALIZERS': ['FramePoseVisualizer'],
    'VISBACKENDS': ['GroupedTensorboardVisBackend', 'GroupedWandbVisBackend'],
}


def test_import_registers_everything(tmp_path):
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c',
         CODE.format(expected=EXPECTED)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=tmp_path)
    assert done.returncode == 0, done.stdout


def test_version_agrees_with_the_metadata():
    from importlib import metadata

    import mmpose_tdmi
    assert mmpose_tdmi.__version__ == metadata.version('mmpose-tdmi')
