"""Sections of the results page.

Shape shorthand: none.
"""
import json
from typing import Dict, List, Optional, Sequence

import numpy as np

from .paired_statistics import Estimate, selections
from .results import Figures, Results
from .slices import BLURRED, FAST, REACH, SLICES
from .systems import REFERENCES, SINGLE_FRAME, SYSTEMS, TDMI, Table

_ROW = '| {} |'


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """A table, its header first."""
    lines = [_ROW.format(' | '.join(row)) for row in rows]
    lines.insert(1, _ROW.format(' | '.join('---' for _ in rows[0])))
    return '\n'.join(lines)


def head_section(content: Results) -> str:
    """What the page is about, and how many joints there are."""
    plan = content.about['plan']
    chosen = selections(content.truth)
    videos = len(content.truth.videos)
    rows = [['joints', 'number', 'what they are']]
    texts = dict(
        visible='not hidden in the key frame',
        hidden_seen='hidden in the key frame (by an object, another person '
        f'or the own body), visible within {REACH} frames of it',
        hidden_unseen=f'hidden in all frames within {REACH}',
        blurred=f'move more than {BLURRED:g} head sizes during the exposure',
        fast=f'move more than {FAST:g} head sizes from frame to frame',
        crowded='lie in another person\'s box')
    for name in ('all', *SLICES):
        rows.append([
            name, f'{chosen[name].truth.sum():,}',
            texts.get(name, 'all labelled joints')
        ])
    trained = [
        sum(piece['samples'] > 0 for piece in pieces)
        for pieces in content.pieces.values()
    ]
    return '\n\n'.join((
        '# The benchmark with known truth',
        '<!-- written by projects/known_truth/known_truth.py page; '
        'do not edit -->',
        'Temporal pose models on generated clips, whose poses, occlusions and '
        'motions are known exactly. **Drawn figures and small models**: what '
        'is compared is what the methods add to each other under equal '
        'conditions; no figure says how well a model does on real people.',
        f'Trainings: {sum(trained)}, of {sum(map(bool, trained))} systems, '
        'all from the '
        'same pretrained single-frame model with the same number of samples '
        '(but for the row that says so), the temporal ones on its frozen '
        f'features; {videos} validation videos (seed {plan["seed"]}, '
        f'{plan["width"]}x{plan["height"]}), ground-truth boxes. How it is '
        'made, and what it cannot say: '
        '[README.md](README.md).',
        markdown(rows),
    ))


def table_section(table: Table, content: Results, ap: Figures,
                  pckh: Figures) -> str:
    """One comparison: AP, paired differences, PCKh and cost.

    Args:
        table (Table): Its rows.
        content (Results): The results.
        ap (Figures): AP of the systems that were run.
        pckh (Figures): Their PCKh.

    Returns:
        str: Markdown; rows of systems without results say "not run".
    """
    columns = content.columns
    headings = [*columns.values()]
    done = [name for name in table.rows if name in ap]
    rows = [['AP', 'seeds', *headings]]
    hits = [['PCKh@0.5', *headings]]
    costs = [['cost', 'parameters', 'MMAC a clip', 'inference', 'training']]
    for name in table.rows:
        title = SYSTEMS[name].title
        if name not in ap:
            rows.append([title, 'not run', *([''] * len(headings))])
            continue
        pieces = content.pieces[name]
        rows.append([
            title,
            str(len(pieces)),
            *(_plus_minus(ap[name][key].estimate()) for key in columns)
        ])
        hits.append([
            title,
            *(_plus_minus(pckh[name][key].estimate()) for key in columns)
        ])
        costs.append([title, *_cost(pieces)])
    parts = [f'## {table.title}', f'The paper: {table.claim}.', markdown(rows)]
    for reference in REFERENCES:
        others = [name for name in done if name != reference]
        if reference == TDMI.name:  # which the first of them has already
            others = [name for name in others if name != SINGLE_FRAME.name]
        if reference not in ap or not others or (reference not in table.rows):
            continue
        differences = [[f'AP minus {SYSTEMS[reference].title}', *headings]]
        differences += [[
            SYSTEMS[name].title,
            *(_difference(ap[name][key].minus(ap[reference][key]))
              for key in columns)
        ] for name in others]
        parts.append(markdown(differences))
    if done:
        parts += [markdown(hits), markdown(costs)]
    return '\n\n'.join(parts)


def _plus_minus(estimate: Estimate) -> str:
    if np.isnan(estimate.value):
        return '–'
    return (f'{estimate.value:.1f} ±'
            f'{(estimate.high - estimate.low) / 2:.1f}')


def _difference(estimate: Estimate) -> str:
    """A difference with its interval, bold where that excludes 0."""
    if np.isnan(estimate.value):
        return '–'
    text = f'{estimate.value:+.1f}'
    if estimate.excludes_zero():
        text = f'**{text}**'
    return f'{text} [{estimate.low:+.1f}, {estimate.high:+.1f}]'


def _cost(pieces: Sequence[dict]) -> List[str]:
    costs = [piece['cost'] for piece in pieces if piece['cost']]
    if not costs:
        return ['–'] * 4
    inference, training = (
        np.median([cost[key] for cost in costs])
        for key in ('inference_ratio', 'training_ratio'))
    return [
        f'{costs[0]["params"]:,}', f'{costs[0]["macs"] / 1e6:.1f}',
        f'{inference:.1f}x', f'{training:.1f}x'
    ]


def dependence_histories(content: Results) -> Dict[str, List[List[dict]]]:
    """Measured dependence of Mu and Mn: title -> a history a seed."""
    return {
        SYSTEMS[name].title: [p['dependence'] for p in pieces]
        for name, pieces in content.pieces.items()
        if name in ('no_mi', 'mi_weak', 'mi_released', 'tdmi',
                    'channel_split') and all(p['dependence'] for p in pieces)
    }


def dependence_section(content: Results) -> str:
    """Dependence of Mu and Mn after training; empty without any."""
    rows: List[List[str]] = []
    for title, runs in dependence_histories(content).items():
        keys = [k for k in runs[0][0] if k != 'iteration']
        if not rows:
            rows.append(['after training', 'seeds', *keys])
        values = np.array([[run[-1][k] for k in keys] for run in runs])
        rows.append([
            title,
            str(len(runs)),
            *(f'{mean:.3f} ({low:.3f} to {high:.3f})'
              for mean, low, high in zip(
                  values.mean(0), values.min(0), values.max(0)))
        ])
    if not rows:
        return ''
    return '\n\n'.join(
        ('## Does the objective make Mu and Mn independent?',
         'Normalised HSIC (Gaussian kernels, median width, unbiased) and '
         'linear CKA between the useful and the noisy motion feature on '
         'held-out clips, none of which is in a loss; 0 is independent, 1 '
         'equal. `clip`: averaged over space, a sample a clip; `cell`: '
         'vectors at the cells of a 4x3 grid. Mean over seeds, lowest and '
         'highest in brackets.', markdown(rows)))


def corruption_section(content: Results) -> str:
    """AP on corrupted clips; empty without results."""
    if not content.corruptions:
        return ''
    names = list(next(iter(content.corruptions.values()))['AP'])
    rows = [['AP', *names]]
    relative = [['share of clean AP', *names]]
    for name, result in content.corruptions.items():
        title = SYSTEMS[name].title if name in SYSTEMS else name
        values = [result['AP'].get(n) for n in names]
        rows.append([title, *(_number(v, '{:.1f}') for v in values)])
        clean = result['AP']['clean']
        relative.append([
            title,
            *(_number(None if v is None else 100 * v / clean, '{:.0f} %')
              for v in values)
        ])
    counts = {result.get('videos') for result in content.corruptions.values()}
    whole = len(content.truth.videos)
    if len(counts) > 1:
        raise ValueError('results of corrupted clips are of different numbers '
                         f'of videos, {sorted(map(str, counts))}')
    return '\n\n'.join(
        ('## Corrupted frames',
         'Trained models, one seed, on clips some of whose frames are '
         f'corrupted at test time, {counts.pop() or whole} of the {whole} '
         'videos (`projects/known_truth/temporal_corruption.py`, '
         '`CorruptFrames`).', markdown(rows), markdown(relative)))


def _number(value: Optional[float], form: str) -> str:
    return '–' if value is None else form.format(value)


def how_section(content: Results) -> str:
    """Commands, sizes and definitions."""
    plan = content.about['plan']
    piece = next(iter(content.pieces.values()))[0]
    quick = ' --quick' if content.about['scale'] == 'quick' else ''
    commands = '\n'.join(
        f'python projects/known_truth/known_truth.py {action}{quick}'
        for action in ('data', 'run', 'page'))
    seconds = sum(p['train_seconds'] for pieces in content.pieces.values()
                  for p in pieces)
    return '\n\n'.join(
        ('## How it was made', f'```bash\n{commands}\n```',
         '- **Clips**: training videos '
         f'{json.dumps(plan["train"])}, validation videos '
         f'{json.dumps(plan["val"])} of {plan["frames"]} frames, of which '
         f'frames {plan["keys"]} (from 0) are key frames; set '
         f'`{content.about["data"]}`.',
         f'- **Training**: {piece["samples"]:,} samples for each system, from '
         'one single-frame model, pretrained on the same clips '
         '(`projects/known_truth/configs`); the single-frame control is '
         'trained '
         'on for as many samples, the temporal systems train what they add '
         'to its frozen backbone, on stored features. What a seed changes: '
         'the new layers, which stored clips come in which order (with a '
         'trained backbone: order and augmentation). The result after the '
         'last iteration counts. No flip test.',
         '- **AP of a slice**: persons are matched as in PoseTrack\'s AP, by '
         'all joints; then ground truth and predictions of the joints '
         'outside of the slice are ignored (the predictions in a person\'s '
         'box belong to that person\'s joints). `all` and the difficulties '
         'are PoseTrack\'s AP itself. PCKh: share of the joints within 0.5 '
         'head sizes of the prediction in their person\'s box.',
         '- **Intervals**: 95 % bootstrap percentiles over videos and seeds; '
         'differences use the same videos for both systems. Three seeds are '
         'few: intervals over them are rather too narrow.',
         '- **Cost**: times of a clip over those of the single frame, CPU '
         'time of one thread, all frames of the clip computed anew.',
         f'- Trainings took {seconds / 3600:.1f} h of one core each, other '
         'work on the machine included. Versions: ' +
         ', '.join(f'{k} {v}' for k, v in piece['versions'].items()) + '.'))
