"""The demo's report: pictures, figures, and the page that shows them."""
import json
from pathlib import Path
from typing import Dict, List, Sequence

from .cases import load_cases, pick_cases
from .figures import contact_sheet, loss_curves
from .page import Section, write_page
from .plan import (BOX_SOURCES, MODELS, SHOWCASE, TDMI, DemoSettings, own_name,
                   what_draws)
from .steps import StepRecord

#: Joint groups of the PoseTrack table, as the metric names them.
GROUPS = ('Head', 'Shoulder', 'Elbow', 'Wrist', 'Hip', 'Knee', 'Ankle', 'mAP')

_PREFIX = 'posetrack/'


def read_metrics(path: Path) -> Dict[str, float]:
    """The figures of one test, in percent, by joint group."""
    content = json.loads(path.read_text(encoding='utf-8'))
    return {group: content[_PREFIX + group] for group in GROUPS}


def results_table(settings: DemoSettings) -> List[List[str]]:
    """AP of every model and box source, a header row first."""
    rows = [['model', 'person boxes', *GROUPS]]
    for model in MODELS:
        for boxes, title in BOX_SOURCES.items():
            metrics = read_metrics(settings.metrics(model, boxes))
            rows.append(
                [model.title, title, *(f'{metrics[g]:.1f}' for g in GROUPS)])
    return rows


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """A table as markdown, for the terminal and the README."""
    lines = ['| ' + ' | '.join(row) + ' |' for row in rows]
    lines.insert(1, '| ' + ' | '.join('---' for _ in rows[0]) + ' |')
    return '\n'.join(lines)


def write_report(settings: DemoSettings,
                 records: Sequence[StepRecord]) -> Path:
    """Draw the pictures and write the page.

    Args:
        settings (DemoSettings): What the demo was run with.
        records (Sequence[StepRecord]): The finished steps.

    Returns:
        Path: The html page.
    """
    folder = settings.folder / 'report'
    titles = {model.name: model.title for model in MODELS}
    cases = load_cases(settings.val_annotations, settings.clips,
                       {m.name: settings.predictions(m, 'gt')
                        for m in MODELS})
    sheets = []
    for kind, occluded in (('hidden', True), ('visible', False)):
        sheet = folder / f'contact_sheet_{kind}.png'
        contact_sheet(
            pick_cases(cases, 8, occluded=occluded), titles, sheet,
            f'Held-out people, {kind} joints (hollow: hidden)')
        sheets.append(sheet)
    curves = folder / 'loss_curves.png'
    loss_curves({m.title: settings.folder / m.name for m in MODELS}, curves)

    sections = [
        Section('PoseTrack AP on held-out clips', [
            'People, clothes, scenes and motions of the held-out clips occur '
            'in no training clip. Person boxes are the true ones or those of '
            'the detector trained here; a joint\'s score is its heatmap '
            'maximum times the score of the box. Both models were trained '
            'with a spatial cross-entropy on the heatmaps, TDMI starting '
            'from the single-frame model.'
        ], results_table(settings)),
        Section(
            'People with hidden joints', [
                'Chosen at random among people with at least three hidden '
                'joints; the choice looks at no prediction.'
            ],
            media=sheets[:1]),
        Section('People with no hidden joint', media=sheets[1:]),
        Section(
            'A held-out video, boxes by the detector',
            media=[settings.drawn_video(SHOWCASE)]),
    ]
    if settings.video is not None:
        sections.append(
            Section(
                f'Your video: {settings.video.name}', [what_draws(settings)],
                media=[settings.drawn_video(own_name(settings))]))
    sections += [
        Section(
            'Losses', [
                'Every term of the mutual information objective is logged by '
                'its own name; loss_mi_* is its weighted share of the total, '
                'loss_probe_* trains the layers that estimate it.'
            ],
            media=[curves]),
        Section('What was run', ['Wall time of each step on this machine.'], [
            ['step', 'command', 'seconds'],
            *([r.step.title, ' ; '.join(r.step.lines()), f'{r.seconds:.0f}']
              for r in records),
        ]),
    ]
    page = folder / 'index.html'
    write_page(page, 'mmpose-tdmi demo', [
        'Clips were generated, a detector, a single-frame model and TDMI '
        f'({TDMI.config.stem}) trained on them, and both pose models tested '
        'on held-out clips, all on this machine. Nothing here is a result on '
        'real data.'
    ], sections)
    return page
