"""A static page of figures: one html file and the pictures beside it.

Shape shorthand: none.
"""
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, List, Mapping, Sequence, Tuple

import cv2
import numpy as np
from jinja2 import Environment
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from torch import nn

from mmpose_tdmi.utils.files import atomic_path, remove_output
from projects import is_kept_by_git
from .pictures import (difference_picture, motion_picture, offset_picture,
                       prediction_picture)
from .subjects import Subject
from .traces import Trace, trace

#: The page, and the folder of its pictures beside it.
PAGE, PICTURES = 'gallery.html', 'gallery_images'
#: Joints from whose cells the deformable convolutions are shown: head, the
#: wrists and the ankles.
OFFSET_JOINTS = ('head_top', 'left_wrist', 'right_wrist', 'left_ankle',
                 'right_ankle')
_QUALITY = 80

_TEMPLATE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 1080px;
       margin: 2rem auto; padding: 0 1rem; color: #222; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.25rem; margin-top: 2.4rem; }
figure { margin: 1.2rem 0; } img { max-width: 100%; height: auto; }
figcaption { color: #555; font-size: .92rem; }
code { background: #f3f3f3; padding: .1rem .3rem; }
</style>
</head>
<body>
<h1>{{ title }}</h1>
{% for paragraph in introduction %}<p>{{ paragraph }}</p>
{% endfor %}
{% for section in sections %}
<h2>{{ section.title }}</h2>
<p>{{ section.text }}</p>
{% for figure in section.figures %}
<figure>
<img src="{{ figure[0] }}" alt="{{ figure[1] }}" loading="lazy">
<figcaption>{{ figure[1] }}</figcaption>
</figure>
{% endfor %}
{% endfor %}
</body>
</html>
"""

_TEXTS = dict(
    motion='The five frames that the model sees (the key frame has a red '
    'border), and below over the key frame: the length of the motion feature '
    'M, of its useful part Mu and of its noisy part Mn, each in its own '
    'range, and the share of Mu in both. Fig. 1c of the paper shows the '
    'same. Mu and Mn are M times two vectors of channel weights, so they '
    'differ by channels, and in space only as far as these do.',
    differences='Lengths of the feature differences of consecutive frames '
    '(Eq. 1), a row for each stage of the backbone, a column for each step '
    'in time. A row has one range, from zero to its strongest difference.',
    offsets='Where the deformable convolutions of the four stages sample '
    'when they compute the motion feature at the cells (rings) of head, '
    'wrists and ankles: all kernel points of all groups, larger where the '
    'modulation is. At rest they would be the nine cells around the ring.',
    predictions='True poses, joints that are hidden in the key frame as '
    'rings, and what the models predict. Joints farther than half a head '
    'from the truth are ringed in red and counted.',
    real='Predictions on real people. These models were trained on drawn '
    'figures of 96x64 pixels and nothing else: what can be looked at here is '
    'where the motion feature responds, not how good the poses are.')


@dataclass
class Section:
    """A heading, a text and figures.

    Args:
        title (str): The heading.
        text (str): What is to be seen.
        figures (list[tuple[str, str]]): Path relative to the page, caption.
    """
    title: str
    text: str
    figures: List[Tuple[str, str]] = field(default_factory=list)


class Gallery:
    """Draws and writes the page.

    Args:
        folder (Path): Where the page and its pictures go.
        models (Mapping[str, nn.Module]): Title -> model, as
            :func:`mmpose_tdmi.apis.models.init_pose_model` gives them.
        shown (str): The title of the TDMI model whose features are shown.

    Raises:
        ValueError: If that is no model with a motion feature.
    """

    def __init__(self, folder: Path, models: Mapping[str, nn.Module],
                 shown: str) -> None:
        self.folder = Path(folder)
        self.models = dict(models)
        self.shown = shown
        if shown not in self.models or not hasattr(self.models[shown].head,
                                                   'disentangle'):
            raise ValueError(f'features are shown of a TDMI model, got '
                             f'{shown!r} among {list(self.models)}')
        meta = parse_pose_metainfo(
            dict(from_file='configs/_base_/datasets/posetrack18.py'))
        self._links = meta['skeleton_links']
        self._ids: Dict[str, int] = meta['keypoint_name2id']
        dataset = self.models[shown].cfg.test_dataloader.dataset
        self._offsets = tuple(dataset.offsets)

    def features(self, subjects: Sequence[Subject]) -> List[Section]:
        """Motion features, stage differences and offsets of persons."""
        sections = [
            Section('Motion features', _TEXTS['motion']),
            Section('Stage differences', _TEXTS['differences']),
            Section('Sampled positions', _TEXTS['offsets'])
        ]
        for subject in subjects:
            seen = trace(self.models[self.shown], subject)
            pictures = self._feature_pictures(subject, seen)
            for section, (kind, picture) in zip(sections, pictures.items()):
                section.figures.append(
                    self._save(f'{kind}_{subject.name}', picture,
                               f'{self.shown}; {subject.title}'))
        return sections

    def predictions(self, subjects: Sequence[Subject]) -> Section:
        """Poses of all models on the same crops."""
        section = Section('Predictions', _TEXTS['predictions'])
        for subject in subjects:
            traces = {
                title: trace(model, subject)
                for title, model in self.models.items()
            }
            section.figures.append(
                self._save(f'poses_{subject.name}',
                           prediction_picture(subject, traces, self._links),
                           subject.title))
        return section

    def real(self, subjects: Sequence[Subject]) -> Section:
        """Motion features and poses of real persons, without truth."""
        section = Section('Real clips', _TEXTS['real'])
        drawn = [k for n, k in self._ids.items() if not n.endswith('_ear')]
        for subject in subjects:
            traces = {
                title: trace(model, subject)
                for title, model in self.models.items()
            }
            for kind, picture in (('motion',
                                   motion_picture(subject, traces[self.shown],
                                                  self._offsets)),
                                  ('poses',
                                   prediction_picture(subject, traces,
                                                      self._links, drawn))):
                section.figures.append(
                    self._save(f'real_{kind}_{subject.name}', picture,
                               subject.title))
        return section

    def write(self, sections: Sequence[Section],
              introduction: Sequence[str]) -> Path:
        """Write the page.

        Args:
            sections (Sequence[Section]): Those without figures are left out.
            introduction (Sequence[str]): Paragraphs at its top.

        Returns:
            Path: The page. Pictures that it does not show are removed.
        """
        sections = [section for section in sections if section.figures]
        template = Environment(autoescape=True).from_string(_TEMPLATE)
        text = template.render(
            title='What TDMI sees', introduction=introduction,
            sections=sections)  # yapf: disable
        used = {path for s in sections for path, _ in s.figures}
        for path in (self.folder / PICTURES).glob('*.jpg'):
            if f'{PICTURES}/{path.name}' not in used:
                if is_kept_by_git(path):
                    path.unlink()
                else:
                    remove_output(path)
        page = self.folder / PAGE
        with atomic_path(page, is_kept_by_git(page)) as temporary:
            temporary.write_text(text, encoding='utf-8')
        return self.folder / PAGE

    def _feature_pictures(self, subject: Subject,
                          seen: Trace) -> Dict[str, np.ndarray]:
        joints = [self._ids[name] for name in OFFSET_JOINTS]
        pictures = dict(
            motion=motion_picture(subject, seen, self._offsets),
            differences=difference_picture(subject, seen, self._offsets))
        if seen.offsets:
            pictures['offsets'] = offset_picture(subject, seen, joints)
        return pictures

    def _save(self, name: str, picture: np.ndarray,
              caption: str) -> Tuple[str, str]:
        path = self.folder / PICTURES / f'{name}.jpg'
        path.parent.mkdir(parents=True, exist_ok=True)
        _, data = cv2.imencode('.jpg', picture,
                               [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
        with atomic_path(path, is_kept_by_git(path)) as temporary:
            temporary.write_bytes(data.tobytes())
        return f'{PICTURES}/{path.name}', caption
