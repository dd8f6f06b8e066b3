import pytest
import torch

from mmpose_tdmi.models.rivals.fami_pose import LocalCalibration


def test_identity_kernels_without_offsets_leave_features_unchanged(randomise):
    calibration = LocalCalibration(
        4, dict(groups=2, mask='none', offset_init='zeros')).eval()
    randomise(calibration.context_blocks)
    for layer in (calibration.align_deform1, calibration.align_deform2):
        torch.nn.init.dirac_(layer.conv.weight)
    support, key = torch.randn(2, 2, 4, 8, 6)
    torch.testing.assert_close(calibration(support, key), support)


def test_key_frame_steers_only(randomise):
    calibration = randomise(LocalCalibration(4, dict(groups=2))).eval()
    support, key = torch.randn(2, 1, 4, 8, 6)
    found = calibration(support, key)
    assert not torch.allclose(found, calibration(support, key.flip(1)))
    # without anything to resample only the last bias is left
    torch.nn.init.zeros_(calibration.align_deform1.conv.bias)
    nothing = calibration(torch.zeros_like(support), key)
    assert torch.allclose(nothing, calibration.align_deform2.conv.bias[:, None,
                                                                       None])


@pytest.mark.parametrize('options, key', [
    (dict(group=2), 'calibration has no option group'),
    (dict(groups=3), 'groups'),
    (dict(groups=2, mask='relu'), 'mask'),
])
def test_invalid_option_is_named(options, key):
    with pytest.raises(ValueError, match=key):
        LocalCalibration(4, options)
