"""Test a trained model on corrupted clips.

Shape shorthand: none.
"""
import copy
import json
from pathlib import Path
from typing import Dict, Mapping, Optional, Sequence

from mmengine.config import Config
from mmengine.runner import Runner

from mmpose_tdmi.utils.files import write_json
from projects import is_kept_by_git

#: The suite: options of :class:`CorruptFrames` by name.
CORRUPTIONS: Mapping[str, Optional[dict]] = {
    'clean': None,
    'dropped': dict(kind='drop'),
    'duplicated': dict(kind='duplicate'),
    'frozen': dict(kind='freeze'),
    'shuffled': dict(kind='shuffle'),
    'noisy': dict(kind='noise'),
    'blurred': dict(kind='blur'),
    'key dropped': dict(kind='drop', frames='key'),
    'key noisy': dict(kind='noise', frames='key'),
    'key blurred': dict(kind='blur', frames='key'),
}


def corrupted(config: Config, options: Optional[dict]) -> Config:
    """A config whose test clips are corrupted.

    Args:
        config (Config): A config; it stays as it is.
        options (dict, optional): Options of :class:`CorruptFrames`; None for
            no corruption.

    Returns:
        Config: The changed copy.

    Raises:
        ValueError: If the test pipeline loads no frame sequence.
    """
    config = copy.deepcopy(config)
    if options is None:
        return config
    pipeline = config.test_dataloader.dataset.pipeline
    places = [
        i for i, step in enumerate(pipeline)
        if step['type'] == 'LoadFrameSequence'
    ]
    if len(places) != 1:
        raise ValueError(
            'the test pipeline must have one LoadFrameSequence, found '
            f'{len(places)} in {[step["type"] for step in pipeline]}')
    pipeline.insert(places[0] + 1, dict(type='CorruptFrames', **options))
    return config


def fewer_videos(config: Config, count: int, folder: Path) -> Config:
    """A config that is tested on some of its videos.

    Args:
        config (Config): A config whose dataset and metric read one merged
            annotation; it stays as it is.
        count (int): How many videos, evenly taken in the order of the
            annotation.
        folder (Path): Where their annotation is written.

    Returns:
        Config: The changed copy.

    Raises:
        ValueError: If there are no so many videos.
    """
    config = copy.deepcopy(config)
    path = Path(config.test_evaluator.ann_file)
    content = json.loads(path.read_text(encoding='utf-8'))
    videos = list(dict.fromkeys(i['vid_id'] for i in content['images']))
    if not 1 <= count <= len(videos):
        raise ValueError(f'{path} has {len(videos)} videos, asked for {count}')
    kept = {videos[i * len(videos) // count] for i in range(count)}
    content['images'] = [i for i in content['images'] if i['vid_id'] in kept]
    images = {image['id'] for image in content['images']}
    content['annotations'] = [
        a for a in content['annotations'] if a['image_id'] in images
    ]
    chosen = Path(folder).resolve() / f'{path.stem}_{count}_videos.json'
    write_json(chosen, content, is_kept_by_git(chosen))
    config.test_evaluator.ann_file = str(chosen)
    config.test_dataloader.dataset.ann_file = str(chosen)
    return config


def run_corruptions(config: Config,
                    checkpoint: Path,
                    work_dir: Path,
                    names: Sequence[str] = tuple(CORRUPTIONS),
                    metric: str = 'posetrack/mAP') -> Dict[str, float]:
    """Test a model under each corruption.

    Args:
        config (Config): Its config, with a test dataloader.
        checkpoint (Path): Its weights.
        work_dir (Path): Folder for logs.
        names (Sequence[str]): Of :data:`CORRUPTIONS`. Defaults to all.
        metric (str): The metric's name. Defaults to ``'posetrack/mAP'``.

    Returns:
        dict[str, float]: The metric by name, percent.

    Raises:
        ValueError: If the evaluator does not give the metric.
    """
    results = {}
    for name in names:
        changed = corrupted(config, CORRUPTIONS[name])
        changed.test_evaluator.pop('out_dir', None)
        changed.work_dir = str(work_dir)
        changed.load_from = str(checkpoint)
        # a runner of its own for each, which has a name of its own
        changed.experiment_name = f'corruption_{name.replace(" ", "_")}'
        figures = Runner.from_cfg(changed).test()
        if metric not in figures:
            raise ValueError(f'the evaluator gives {sorted(figures)}, not '
                             f'{metric!r}')
        results[name] = round(float(figures[metric]), 2)
    return results
