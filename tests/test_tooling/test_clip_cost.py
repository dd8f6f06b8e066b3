"""Costs for a clip, deformable convolutions included."""
import pytest

from mmpose_tdmi.models.cost import clip_cost

TDMI = 'configs/tdmi/synthetic/tdmi_hrnet-light_1xb16-1e_synthetic-96x64.py'


def test_t_modules_and_deformable_convolutions(repository, run_main, capsys):
    run_main('analysis_tools/get_flops.py', repository / TDMI, '--input-shape',
             96, 64)
    printed = capsys.readouterr().out
    assert 'T = 5 frames, 96x64' in printed
    cost = clip_cost(repository / TDMI, depth=1)
    by_name = {x.name: x for x in cost.modules}
    parts = [by_name[n].macs for n in ('backbone', 'neck', 'head')]
    assert sum(parts) == by_name[''].macs
    # a 3x3 layer for each of four stages, in groups of 4, on 16 channels
    assert len(cost.deformable) == 4
    plain = [x.params - 16 for x in cost.deformable]
    assert plain == [9 * 16 * 16 // 4] * 4 or plain == [9 * 16 * 16] * 4
    assert all(x.macs % (24 * 16) == 0 and x.macs > 0 for x in cost.deformable)


def test_the_backbone_counts_every_frame(repository):
    """Three frames cost three fifths of five in the backbone."""
    five, three = (
        clip_cost(
            repository / TDMI,
            depth=1,
            cfg_options={'model.neck.offsets': offsets})
        for offsets in ((-2, -1, 0, 1, 2), (-1, 0, 1)))
    assert (five.num_frames, three.num_frames) == (5, 3)
    backbone = [
        next(x.macs for x in cost.modules if x.name == 'backbone')
        for cost in (five, three)
    ]
    assert backbone[0] * 3 == backbone[1] * 5


def test_size_can_be_one_number_or_two(repository, run_main, capsys):
    run_main('analysis_tools/get_flops.py', repository / TDMI, '--shape', 64)
    assert '64x64' in capsys.readouterr().out
    with pytest.raises(SystemExit, match='one or two positive'):
        run_main('analysis_tools/get_flops.py', repository / TDMI, '--shape',
                 3, 64, 64)
