"""What systems cost."""
import pytest

from projects.known_truth import cost
from projects.known_truth.composition import compose
from projects.known_truth.systems import ROOT, SINGLE_FRAME, SYSTEMS

BASE = ROOT / 'projects' / 'known_truth' / 'configs' / 'known_truth.py'


@pytest.fixture
def measure(clips, monkeypatch):
    """Cost of a system, over the single frame, in a hurry."""
    monkeypatch.setattr(cost, 'BATCH', 2)
    monkeypatch.setattr(cost, 'ROUNDS', 1)

    def measure(name):
        config, reference = (
            compose(BASE, system.path, clips.root, system.options)
            for system in (SYSTEMS[name], SINGLE_FRAME))
        for each in (config, reference):
            head = each.model.get('neck') or {}
            if 'heatmap_layer' in head:  # no weights are needed for times
                head.heatmap_layer.checkpoint = None
        return cost.measure_cost(config, reference)

    return measure


def test_windows_of_training_and_test_may_differ(measure):
    """PoseWarper is trained on three frames and tested with five."""
    found = measure('posewarper')
    single = measure('single_frame')
    assert found['macs'] > 5 * single['macs']
    assert found['params'] > single['params']
    assert found['inference_ratio'] > 1 and found['training_ratio'] > 0
