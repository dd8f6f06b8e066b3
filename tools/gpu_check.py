#!/usr/bin/env python
"""Check on a GPU what the tests check on a CPU, and measure it there.

One command; a minute or two, ``--full`` for every config and larger models::

    python tools/gpu_check.py
    python tools/gpu_check.py --full --out gpu_check.json

Compared are CPU and GPU: heatmaps, losses and gradients of the networks, for
each backend of the deformable convolution; steps in float16 and bfloat16; a
resumed training and an uninterrupted one; one process of NCCL; streaming and
naive poses; the video inferencer's poses; compiled and exported models. Then
speed and memory are measured on this card, for docs/performance.md. Models
have random weights: nothing is downloaded. Without a GPU the CPU's halves run,
and what was not checked is said. The exit status is 1 if a check failed.
"""
import argparse
import copy
import importlib.util
import platform
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Tuple

import cv2
import numpy as np
import torch
import torch.distributed as dist
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.runner import Runner, save_checkpoint
from mmpose.registry import DATASETS, MODELS
from mmpose.testing import get_packed_inputs
from torch import Tensor, nn
from torch.utils.data import Dataset

import mmpose_tdmi
from mmpose_tdmi.apis import VideoPoseInferencer, init_pose_model
from mmpose_tdmi.deploy import ClipPhase, export_onnx, with_deform_backend
from mmpose_tdmi.models.cost import clip_length
from mmpose_tdmi.models.layers.deformable import mmcv_operator
from mmpose_tdmi.tooling import short_errors
from mmpose_tdmi.utils.files import check_outputs, write_json
from mmpose_tdmi.video import StreamingPoseEstimator, TrackedBox, TrackedFrame

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
TDMI = 'tdmi/synthetic/tdmi_hrnet-light_1xb16-1e_synthetic-96x64.py'
#: One of each network, in its smallest form.
SHORT = (TDMI, 'tdmi/synthetic/td-hm_hrnet-light_1xb16-5e_synthetic-96x64.py',
         'tdmi/synthetic/tdmi_res18_1xb16-1e_synthetic-96x64.py',
         'tdmi/posetrack18/tdmi_vit-s_2xb24-20e_posetrack18-256x192.py',
         'ablations/synthetic/tdmi_hrnet-light_1xb16-1e_synthetic-96x64_'
         'tdmi-st.py',
         'ablations/synthetic/op-flow_hrnet-light_1xb16-1e_synthetic-96x64.py',
         'rivals/synthetic/*.py')
#: Those whose speed is measured: TDMI's, the single frame's.
MEASURED = ('tdmi/posetrack17/tdmi_hrnet-w48_2xb24-20e_posetrack17-384x288.py',
            'ablations/posetrack17/td-hm_hrnet-w48_2xb24-20e_posetrack17-'
            '384x288.py')
#: Largest difference, of the largest value; of gradients, of their norm.
TOLERANCES = dict(heatmaps=1e-3, loss=1e-3, gradients=1e-2)


class NotCheckedError(Exception):
    """What is missing for a check."""


def load(name: str) -> Config:
    """A config of this package, without its pretrained weights."""
    config = Config.fromfile(CONFIGS / name)

    def strip(part: Any) -> None:
        if isinstance(part, dict):
            for key in ('init_cfg', 'label_init_cfg'):
                if 'checkpoint' in (part.get(key) or {}):
                    part[key] = None
            if 'checkpoint' in (part.get('heatmap_layer') or {}):
                del part['heatmap_layer']['checkpoint']
            if 'weights' in (part.get('flow') or {}):
                # its smallest map needs inputs of 128 pixels
                part['flow'].update(
                    weights=None, frame_scale=2.0, num_updates=1)
            part = list(part.values())
        if isinstance(part, (list, tuple)):
            for item in part:
                strip(item)

    strip(config.model)
    return config


def build(name: str) -> nn.Module:
    """A model in which no weight is zero, the same each time, on the CPU."""
    config = load(name)
    torch.manual_seed(0)
    model = MODELS.build(config.model)
    for parameter in model.parameters():
        parameter.data += .05 * parameter.data.std(
            unbiased=False) * torch.randn_like(
                parameter) + .01 * torch.randn_like(parameter)
    model.cfg = config
    return model.eval()


def made_up_batch(model: nn.Module, size: int = 2) -> Dict[str, Any]:
    """A batch of clips with keypoints, as a data loader gives it."""
    config = model.cfg.model
    decoder = config.head.decoder
    width, height = decoder.input_size
    np.random.seed(0)
    torch.manual_seed(0)
    data = get_packed_inputs(
        size,
        num_keypoints=config.head.get('out_channels', 17),
        img_shape=(height, width),
        input_size=(width, height),
        heatmap_size=tuple(decoder.heatmap_size))
    if config.data_preprocessor.type == 'SequencePoseDataPreprocessor':
        shape = (clip_length(model), 3, height, width)
        data['inputs'] = [
            torch.randint(256, shape).byte() for _ in range(size)
        ]
    return data


def outcome(model: nn.Module) -> Dict[str, Tensor]:
    """Heatmaps, loss and gradients of a batch, on the CPU."""
    model.zero_grad(set_to_none=True)
    data = model.data_preprocessor(
        copy.deepcopy(made_up_batch(model)), training=True)
    torch.manual_seed(0)
    losses = model(**data, mode='loss')
    loss = model.parse_losses(losses)[0]
    loss.backward()
    with torch.no_grad():
        heatmaps = model(**data, mode='tensor')
    heatmaps = heatmaps[0] if isinstance(heatmaps, tuple) else heatmaps
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    found = dict(
        heatmaps=heatmaps.detach(),
        loss=loss.detach(),
        gradients=torch.cat([g.flatten() for g in gradients]))
    return {key: value.float().cpu() for key, value in found.items()}


def differences(expected: Dict[str, Tensor],
                found: Dict[str, Tensor]) -> Dict[str, float]:
    """Those of :data:`TOLERANCES`, relative."""
    return {
        key:
        float((expected[key] - found[key]).norm() /
              expected[key].norm() if key == 'gradients' else
              (expected[key] - found[key]).abs().max() /
              expected[key].abs().max())
        for key in TOLERANCES
    }


def require_close(found: Dict[str, float]) -> None:
    bad = {k: v for k, v in found.items() if not v <= TOLERANCES[k]}
    if bad:
        raise AssertionError(f'differ by {bad}, allowed {TOLERANCES}')


def check_network(name: str, device: torch.device) -> Dict[str, Any]:
    """CPU against the device, for each backend of the convolution; on the CPU
    alone, the backends against each other."""
    model = build(name)
    expected = outcome(model)
    if not all(torch.isfinite(value).all() for value in expected.values()):
        raise AssertionError('not finite on the CPU')
    backends = ['torchvision', 'grid_sample']
    if mmcv_operator(device.type == 'cuda') is not None:
        backends.append('mmcv')
    found = {}
    for backend in backends:
        other = with_deform_backend(model, backend).to(device)
        found[backend] = differences(expected, outcome(other))
        require_close(found[backend])
    return found


def check_amp(dtype: str, device: torch.device) -> Dict[str, float]:
    """Training steps in half precision have finite losses and change weights.
    """
    if device.type == 'cpu' and dtype == 'float16':
        raise NotCheckedError('no GPU')
    if dtype == 'bfloat16' and device.type == 'cuda' and \
            not torch.cuda.is_bf16_supported():
        raise NotCheckedError('this GPU has no bfloat16')
    model = build(TDMI).to(device).train()
    kind = 'AmpOptimWrapper' if device.type == 'cuda' else 'CpuAmpOptimWrapper'
    wrapper = build_optim_wrapper(
        model,
        dict(
            type=kind,
            optimizer=dict(type='SGD', lr=1e-3),
            **(dict(dtype=dtype) if device.type == 'cuda' else {})))
    before = [p.detach().clone() for p in model.parameters()]
    losses = []
    for _ in range(3):
        logs = model.train_step(made_up_batch(model), wrapper)
        losses.append(float(logs['loss'].detach()))
    if not np.isfinite(losses).all():
        raise AssertionError(f'losses {losses}')
    if all(torch.equal(a, b) for a, b in zip(before, model.parameters())):
        raise AssertionError('no weight has changed')
    return dict(losses=losses)


class GpuCheckClips(Dataset):
    """Samples as a pipeline gives them, for a training."""

    def __init__(self, name: str) -> None:
        data = made_up_batch(build(name), 4)
        self._samples = [
            dict(inputs=clip, data_samples=sample)
            for clip, sample in zip(data['inputs'], data['data_samples'])
        ]
        self.metainfo = dict(dataset_name='made up')

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, index: int) -> dict:
        return copy.deepcopy(self._samples[index])


def check_resume(device: torch.device) -> Dict[str, int]:
    """A training that is resumed ends with the weights of one that is not."""
    config = load(TDMI)
    weights = []
    DATASETS.register_module(module=GpuCheckClips, force=True)
    torch.backends.cudnn.deterministic = True
    with tempfile.TemporaryDirectory() as folder:
        for name, stop, start in (('whole', 6, None), ('first', 3, None),
                                  ('second', 6, 'first/iter_3.pth')):
            cfg = copy.deepcopy(config)
            cfg.merge_from_dict(
                dict(
                    work_dir=str(Path(folder, name)),
                    experiment_name=f'gpu_check_{name}',
                    log_level='ERROR',
                    train_cfg=dict(
                        _delete_=True,
                        type='IterBasedTrainLoop',
                        max_iters=stop,
                        val_interval=100),
                    train_dataloader=dict(
                        num_workers=0, persistent_workers=False, batch_size=2),
                    randomness=dict(seed=0, deterministic=False),
                    visualizer=dict(name=f'gpu_check_{name}')))
            cfg.default_hooks.checkpoint = dict(
                type='AtomicCheckpointHook', interval=3, by_epoch=False)
            del cfg.default_hooks.badcase, cfg.default_hooks.visualization
            cfg.train_dataloader.dataset = dict(
                type='GpuCheckClips', name=TDMI)
            cfg.val_dataloader = cfg.val_evaluator = cfg.val_cfg = None
            cfg.test_dataloader = cfg.test_evaluator = cfg.test_cfg = None
            cfg.param_scheduler = []
            cfg.custom_hooks = []
            if start:
                cfg.load_from, cfg.resume = str(Path(folder, start)), True
            runner = Runner.from_cfg(cfg)
            runner.train()
            weights.append(
                [p.detach().cpu() for p in runner.model.parameters()])
    torch.backends.cudnn.deterministic = False
    unlike = sum(not torch.equal(a, b) for a, b in zip(weights[0], weights[2]))
    if unlike:
        raise AssertionError(f'{unlike} of {len(weights[0])} weights differ')
    return dict(weights=len(weights[0]))


def check_distributed(device: torch.device) -> Dict[str, float]:
    """One process of NCCL (gloo on a CPU) trains as none does."""
    model = build(TDMI).to(device)
    expected = outcome(model)
    backend = 'nccl' if device.type == 'cuda' else 'gloo'
    dist.init_process_group(
        backend, store=dist.HashStore(), rank=0, world_size=1)
    try:
        ones = torch.ones(3, device=device)
        dist.all_reduce(ones)
        ids = [device.index or 0] if device.type == 'cuda' else None
        wrapped = nn.parallel.DistributedDataParallel(
            model, device_ids=ids, find_unused_parameters=True)
        data = model.data_preprocessor(made_up_batch(model), True)
        torch.manual_seed(0)
        loss = model.parse_losses(wrapped(**data, mode='loss'))[0]
        loss.backward()
    finally:
        dist.destroy_process_group()
    if ones.tolist() != [1, 1, 1]:
        raise AssertionError(f'the sum over one process is {ones.tolist()}')
    difference = abs(loss.item() / expected['loss'].item() - 1)
    if difference > TOLERANCES['loss']:
        raise AssertionError(f'the loss differs by {difference}')
    return dict(loss=difference)


def made_up_video(persons: int = 2, frames: int = 8) -> List[TrackedFrame]:
    """People who keep still in front of a texture that moves."""
    texture = np.random.default_rng(0).integers(0, 255,
                                                (30, 80, 3)).astype(np.uint8)
    texture = cv2.resize(texture, (640, 240), interpolation=cv2.INTER_LINEAR)
    boxes = [
        TrackedBox(i, (20. + 5 * (i % 40), 30., 90. + 5 * (i % 40), 200.), .9)
        for i in range(persons)
    ]
    return [
        TrackedFrame(i, i / 25,
                     np.ascontiguousarray(np.roll(texture, 6 * i, 1)[:, :320]),
                     boxes) for i in range(frames)
    ]


def keypoints_of(poses: Any) -> np.ndarray:
    """(poses, K, 2), in pixels of the frames."""
    return np.array([p.keypoints for frame in poses for p in frame.persons])


def require_near(expected: np.ndarray, found: np.ndarray) -> Dict[str, float]:
    """Keypoints lie within 0.1 px, but for one in a hundred: with random
    weights two places may have the same score."""
    distance = np.linalg.norm(expected - found, axis=-1)
    share = float((distance < .1).mean())
    if share < .99:
        raise AssertionError(f'only {share:.3f} of the keypoints lie within '
                             '0.1 px')
    return dict(median=float(np.median(distance)), within=share)


def saved_model(folder: str) -> Tuple[Config, str]:
    """TDMI in its small form as a config and a checkpoint."""
    model, path = build(TDMI), str(Path(folder, 'model.pth'))
    save_checkpoint(dict(state_dict=model.state_dict(), meta={}), path)
    return model.cfg, path


def check_streaming(device: torch.device) -> Dict[str, float]:
    """Streaming gives the poses of the naive way."""
    with tempfile.TemporaryDirectory() as folder:
        model = init_pose_model(*saved_model(folder), str(device))
    found = [
        keypoints_of(
            StreamingPoseEstimator(model, mode).iterate_poses(made_up_video()))
        for mode in ('naive', 'offline')
    ]
    return require_near(*found)


def check_inferencer(device: torch.device) -> Dict[str, float]:
    """The inferencer's poses, on the CPU and on the GPU."""
    video = made_up_video()
    boxes = {
        frame.index: [[*box.bbox, box.score] for box in frame.persons]
        for frame in video
    }
    found = []
    with tempfile.TemporaryDirectory() as folder:
        frames = Path(folder, 'frames')
        frames.mkdir()
        for frame in video:
            cv2.imwrite(str(frames / f'{frame.index:06d}.png'), frame.image)
        model = saved_model(folder)
        for name in ('cpu', str(device)):
            inferencer = VideoPoseInferencer(*model, device=name)
            results = inferencer(frames, boxes=boxes)
            found.append(keypoints_of(r.poses for r in results))
    return require_near(*found)


def check_compiled(device: torch.device) -> Dict[str, float]:
    """``torch.compile`` changes nothing."""
    if device.type == 'cpu':
        raise NotCheckedError('no GPU')
    if importlib.util.find_spec('triton') is None:
        raise NotCheckedError('torch.compile needs triton')
    model = build(TDMI).to(device)
    inputs = model.data_preprocessor(made_up_batch(model))['inputs']
    with torch.no_grad():
        expected = model(inputs, None, mode='tensor')
        found = torch.compile(model)(inputs, None, mode='tensor')
    worst = float((expected - found).abs().max() / expected.abs().max())
    if worst > TOLERANCES['heatmaps']:
        raise AssertionError(f'heatmaps differ by {worst}')
    return dict(heatmaps=worst)


def check_onnx(device: torch.device) -> Dict[str, float]:
    """An exported clip's graph in ONNX Runtime, on its CUDA provider."""
    for name in ('onnx', 'onnxscript', 'onnxruntime'):
        if importlib.util.find_spec(name) is None:
            raise NotCheckedError(f'{name} is not installed')
    import onnxruntime
    provider = 'CUDAExecutionProvider'
    if device.type == 'cpu':
        provider = 'CPUExecutionProvider'
    if provider not in onnxruntime.get_available_providers():
        raise NotCheckedError(f'onnxruntime has no {provider}')
    with tempfile.TemporaryDirectory() as folder:
        model = init_pose_model(*saved_model(folder), 'cpu')
        path = export_onnx(
            model, folder, ['clip'], deform_conv='grid_sample')['clip']
        session = onnxruntime.InferenceSession(
            str(path), providers=[provider, 'CPUExecutionProvider'])
    if session.get_providers()[0] != provider:
        raise AssertionError(f'onnxruntime could not load {provider}')
    width, height = model.cfg.model.head.decoder.input_size
    torch.manual_seed(0)
    clips = torch.randn(2, clip_length(model), 3, height, width)
    with torch.no_grad():
        expected = ClipPhase(model)(clips).numpy()
    found, = session.run(None, {'clips': clips.numpy()})
    worst = float(np.abs(expected - found).max() / np.abs(expected).max())
    if worst > TOLERANCES['heatmaps']:
        raise AssertionError(f'heatmaps differ by {worst}')
    return dict(heatmaps=worst)


def seconds(run: Callable[[], Any], repeats: int = 5) -> float:
    """The median time of a run on the GPU, after two to warm up."""
    times = []
    for _ in range(repeats + 2):
        torch.cuda.synchronize()
        begin = time.perf_counter()
        run()
        torch.cuda.synchronize()
        times.append(time.perf_counter() - begin)
    return float(np.median(times[2:]))


def measure(device: torch.device, full: bool) -> List[dict]:
    """Speed of streaming and single frame, of training steps, and memory."""
    rows: List[dict] = []
    models = [build(name).to(device) for name in MEASURED]

    def row(what: str, unit: str, run: Callable[[nn.Module], float],
            per: Callable[[float], float]) -> None:
        times, memory = [], []
        for model in models:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
            times.append(run(model))
            memory.append(torch.cuda.max_memory_allocated() / 2**30)
        rows.append(
            dict(
                what=what,
                unit=unit,
                tdmi=per(times[0]),
                single=per(times[1]),
                time_ratio=times[0] / times[1],
                tdmi_gib=memory[0],
                single_gib=memory[1]))

    for persons in (1, 5, 20, 50) if full else (1, 10, 50):

        @torch.no_grad()
        def forward(model: nn.Module) -> float:
            data = model.data_preprocessor(made_up_batch(model, persons))
            inputs = data['inputs']
            maps = model.backbone(inputs)

            def step() -> None:
                # each frame of a person goes through the backbone once
                model.backbone(inputs[:persons])
                model.head(model.neck(maps) if model.with_neck else maps)

            return seconds(step)

        row(f'streaming, {persons} people', 'person-frames/s', forward,
            lambda time: persons / time)

    def training(model: nn.Module) -> float:
        data = model.data_preprocessor(
            made_up_batch(model, 8 if full else 2), True)

        def step() -> None:
            losses = model(**data, mode='loss')
            model.parse_losses(losses)[0].backward()
            model.zero_grad(set_to_none=True)

        model.train()
        time = seconds(step)
        model.eval()
        return time

    row(f'training step, {8 if full else 2} clips', 's', training,
        lambda time: time)
    return rows


def run_check(name: str, check: Callable[[], Any]) -> dict:
    """A check's record: passed, failed or not checked, and why."""
    begin = time.perf_counter()
    record: Dict[str, Any] = dict(name=name, status='passed')
    try:
        record['found'] = check()
    except NotCheckedError as error:
        record.update(status='not checked', why=str(error))
    except Exception as error:
        record.update(status='failed', why=f'{type(error).__name__}: {error}')
        traceback.print_exc()
    record['seconds'] = round(time.perf_counter() - begin, 1)
    why = f': {record["why"]}' if 'why' in record else ''
    print(
        f'{record["status"]:12} {name}{why} ({record["seconds"]} s)',
        flush=True)
    return record


def as_table(report: dict) -> str:
    """The report as docs/performance.md has it."""
    lines = [
        f'On {report["device"]}, torch {report["torch"]}:', '',
        '| | TDMI | single frame | time, ratio | GiB, TDMI | GiB, single |',
        '|---|---|---|---|---|---|'
    ]
    lines += [
        ('| {what}, {unit} | {tdmi:.3g} | {single:.3g} | {time_ratio:.2f} | '
         '{tdmi_gib:.1f} | {single_gib:.1f} |').format(**row)
        for row in report['figures']
    ]
    return '\n'.join(lines)


def names_of(patterns: Any) -> List[str]:
    return [
        path.relative_to(CONFIGS).as_posix() for pattern in patterns
        for path in sorted(CONFIGS.glob(pattern))
    ]


def parse_args(argv: Optional[List[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument(
        '--full',
        action='store_true',
        help='the networks of all configs, more people, larger batches')
    parser.add_argument(
        '--out', type=Path, default=Path('gpu_check.json'), help='the report')
    return parser.parse_args(argv)


@short_errors()
def main(argv: Optional[List[str]] = None) -> int:
    args = parse_args(argv)
    check_outputs([args.out])  # not after minutes
    init_default_scope('mmpose')
    has_gpu = torch.cuda.is_available()
    device = torch.device('cuda:0' if has_gpu else 'cpu')
    # float32 as on the CPU
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    names = names_of(SHORT)
    if args.full:
        names += names_of(('tdmi/posetrack*/*.py', 'rivals/[!s]*/*18*.py',
                           'ablations/posetrack17/*.py'))
    checks = [(f'network {name}',
               lambda name=name: check_network(name, device))
              for name in dict.fromkeys(names)]
    checks += [(f'training step in {dtype}',
                lambda dtype=dtype: check_amp(dtype, device))
               for dtype in ('float16', 'bfloat16')]
    checks += [(name, lambda check=check: check(device))
               for name, check in (('resumed training', check_resume),
                                   ('one process of NCCL', check_distributed),
                                   ('streaming', check_streaming),
                                   ('video inferencer', check_inferencer),
                                   ('torch.compile', check_compiled),
                                   ('ONNX Runtime', check_onnx))]
    records = [run_check(name, check) for name, check in checks]
    figures = dict(name='figures', status='not checked', why='no GPU')
    if has_gpu:
        figures = run_check('figures', lambda: measure(device, args.full))
    records.append(figures)
    report = dict(
        device=torch.cuda.get_device_name(0) if has_gpu else 'no GPU',
        torch=torch.__version__,
        mmpose_tdmi=mmpose_tdmi.__version__,
        python=platform.python_version(),
        mmcv_cuda_operators=mmcv_operator(True) is not None,
        checks=[r for r in records if r is not figures],
        figures=figures.get('found', []))
    write_json(args.out, report)
    print(f'\n{args.out}')
    if not has_gpu:
        print('There is no GPU: the CPU alone was checked, its backends '
              'against each other. No word about CUDA follows from this.')
    elif report['figures']:
        print(as_table(report))
    return int(any(record['status'] == 'failed' for record in records))


if __name__ == '__main__':
    sys.exit(main())
