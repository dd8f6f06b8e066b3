"""What a system costs, next to the single frame: counts and time ratios.

Times are CPU times of one thread, of the two models in turns on the same
machine, so that other work on it and its speed fall out of the ratio.

Run as a module, since it needs a process of its own::

    python -m projects.known_truth.cost CONFIG REFERENCE OUT

Shape shorthand: B clips, T frames.
"""
import argparse
import time
from pathlib import Path
from typing import Callable, Dict, List, Tuple

import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmpose.registry import DATASETS, MODELS
from torch import nn

from mmpose_tdmi.models.cost import count_model
from mmpose_tdmi.utils.files import write_json
from projects import is_kept_by_git

#: Clips of the batches that are timed.
BATCH = 8
#: Times each model is run; the smallest time counts.
ROUNDS = 7


def measure_cost(config: Config, reference: Config) -> Dict[str, float]:
    """Count and time a system.

    Args:
        config (Config): The system's composed config.
        reference (Config): That of the single frame.

    Returns:
        dict[str, float]: ``params``; ``macs`` for one clip, all frames
        anew; ``inference_ratio`` and ``training_ratio``, times of a clip
        over those of the single frame.
    """
    torch.set_num_threads(1)
    init_default_scope('mmpose')
    model, other = (_model(c) for c in (config, reference))
    width, height = model.head.decoder.input_size
    # a system may be trained on fewer frames than it is tested with
    num_frames = len(config.test_dataloader.dataset.offsets)
    counts = count_model(model, (height, width), num_frames)[0]
    batch, other_batch = (
        _batch(c.test_dataloader) for c in (config, reference))
    inference = _ratio(lambda: _predict(model, batch),
                       lambda: _predict(other, other_batch))
    trained, other_trained = (
        _batch(c.train_dataloader) for c in (config, reference))
    training = _ratio(lambda: _train(model, trained),
                      lambda: _train(other, other_trained))
    return dict(
        params=counts.params,
        macs=counts.macs,
        inference_ratio=round(inference, 3),
        training_ratio=round(training, 3))


def _model(config: Config) -> nn.Module:
    return MODELS.build({
        k: v
        for k, v in config.model.items() if k != 'init_cfg'
    })


def _batch(loader: Config) -> dict:
    dataset = DATASETS.build(loader.dataset)
    return pseudo_collate([dataset[i] for i in range(BATCH)])


def _predict(model: nn.Module, batch: dict) -> None:
    model.eval()
    with torch.no_grad():
        data = model.data_preprocessor(batch, False)
        model(data['inputs'], data['data_samples'], mode='tensor')


def _train(model: nn.Module, batch: dict) -> None:
    model.train()
    data = model.data_preprocessor(batch, True)
    losses = model(**data, mode='loss')
    total, _ = model.parse_losses(losses)
    model.zero_grad()
    total.backward()


def _ratio(one: Callable[[], None], other: Callable[[], None]) -> float:
    times: Tuple[List[float], List[float]] = ([], [])
    for _ in range(ROUNDS):
        for run, results in zip((one, other), times):
            begin = time.process_time()
            run()
            results.append(time.process_time() - begin)
    return min(times[0]) / min(times[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ('config', 'reference', 'out'):
        parser.add_argument(name, type=Path)
    args = parser.parse_args()
    cost = measure_cost(
        Config.fromfile(args.config), Config.fromfile(args.reference))
    write_json(args.out, cost, is_kept_by_git(args.out), indent=1)


if __name__ == '__main__':
    main()
