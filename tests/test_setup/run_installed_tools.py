"""Runs the tools of an installed wheel on a generated clip in ``clips``.

A script for test_wheel.py: ``run_installed_tools.py SITE``, in a folder of
its own. Where MMDetection is missing, all but detecting must work.
"""
import importlib.util
import json
import runpy
import sys
from pathlib import Path

import setuptools  # noqa: F401, without site its distutils is not there
import torch
from mmengine.config import Config
from mmengine.config import config as config_module
from mmengine.registry import DefaultScope
from mmengine.runner import save_checkpoint

import mmpose_tdmi

# the config's text for the log, which takes long
config_module.FormatCode = lambda text, **_: (text, True)
# where the repository is on the path: as if it were not
sys.modules['projects'] = None
HAS_MMDET = importlib.util.find_spec('mmdet') is not None
PACKAGE = Path(sys.argv[1]) / 'mmpose_tdmi'
TOOLS, CONFIGS = PACKAGE / '.mim/tools', PACKAGE / '.mim/configs'


def run(name, *arguments):
    """Run a tool; gives its exit code."""
    sys.argv = [name, *(str(argument) for argument in arguments)]
    print('$', *sys.argv, flush=True)
    try:
        runpy.run_path(str(TOOLS / name), run_name='__main__')
    except SystemExit as end:
        if isinstance(end.code, str):
            raise
        return end.code or 0
    return 0


def main():
    assert Path(mmpose_tdmi.__file__).parent == PACKAGE
    torch.set_num_threads(1)
    for tool in sorted(TOOLS.rglob('*.py')) if HAS_MMDET else ():
        assert run(tool.relative_to(TOOLS), '--help') == 0

    config, = CONFIGS.glob('tdmi/synthetic/tdmi_hrnet-light_*.py')
    assert run('misc/check_config.py', config, '--model') == 0
    assert run('analysis_tools/count_model.py', config, '--depth', 1) == 0
    options = ('train_dataloader.batch_size=2',
               'train_dataloader.dataset.indices=2',
               'train_dataloader.num_workers=0',
               'train_dataloader.dataset.data_root=clips/',
               'train_cfg.max_epochs=1', 'model.init_cfg=None')
    assert run('train.py', config, '--work-dir', 'work', '--no-validate',
               '--cfg-options', *options) == 0

    labels = json.loads(
        Path('clips/annotations/synthetic_val.json').read_text())
    images = {image['id']: i for i, image in enumerate(labels['images'])}
    Path('boxes.json').write_text(
        json.dumps([
            dict(
                image_id=images[label['image_id']],
                category_id=1,
                bbox=label['bbox'],
                score=0.9) for label in labels['annotations']
        ]))
    frames = Path('clips') / Path(labels['images'][0]['file_name']).parent
    assert run('infer_video.py', frames, config, 'work/epoch_1.pth',
               '--out-dir', 'out', '--name', 'poses', '--boxes', 'boxes.json',
               '--device', 'cpu') == 0

    detector = CONFIGS / 'detection/rtmdet_r18_synthetic.py'
    if not HAS_MMDET:
        from mmpose_tdmi.apis import PersonDetector
        try:
            PersonDetector(detector, 'work/epoch_1.pth')
        except mmpose_tdmi.stack.BrokenStackError as error:
            assert 'a detector needs MMDetection' in str(error)
            assert 'pip install' in str(error)
            return
        raise AssertionError('a detector is built without MMDetection')
    from mmdet.registry import MODELS
    config = Config.fromfile(detector)
    config.model.test_cfg.update(score_thr=0., max_per_img=3)
    config.dump('det.py')
    with DefaultScope.overwrite_default_scope('mmdet'):
        model = MODELS.build(config.model)
    # boxes of some 50 pixels instead of points
    for convolution in model.bbox_head.rtm_reg:
        convolution.bias.data.fill_(2.)
    save_checkpoint(
        dict(
            state_dict=model.state_dict(),
            meta=dict(dataset_meta=dict(classes=('person', )))), 'det.pth')
    assert run('detect_persons.py', frames, 'det.py', 'det.pth', '--out',
               'detected.json', '--score-thr', 0, '--device', 'cpu') == 0


if __name__ == '__main__':
    main()
