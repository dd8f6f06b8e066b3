"""The persons of an annotation file as samples, one after the other.

Both are generators: a file's persons never exist twice in memory, once as
annotations and once as samples.

Shape shorthand: none.
"""
import logging
from collections import Counter
from typing import Callable, Iterable, Iterator, Optional

from mmengine.logging import print_log

from .annotation_file import AnnotationFile


def annotated_persons(
        content: AnnotationFile, images: Iterable[dict],
        parse: Callable[[dict], Optional[dict]]) -> Iterator[dict]:
    """Samples of all annotations that give one.

    Args:
        content (AnnotationFile): The file. Its annotations are taken out.
        images (Iterable[dict]): The records of the images to look at.
        parse (Callable): ``parse(dict(raw_ann_info, raw_img_info))`` -> the
            sample, or None.

    Yields:
        dict: A sample.
    """
    num_bare = 0
    for img in images:
        for ann in content.persons.pop(img['id'], ()):
            sample = parse(dict(raw_ann_info=ann, raw_img_info=img))
            if sample is not None:
                yield sample
            elif img.get('is_labeled', True):
                num_bare += 1
    if num_bare:
        print_log(
            f'{content.path}: {num_bare} persons in labelled images give no '
            'sample: they have no box or no keypoints',
            logger='current')


def usable_persons(
        ann_file: str, samples: Iterable[dict],
        reason_of: Callable[[dict], Optional[str]]) -> Iterator[dict]:
    """The samples that are of use, with their tracks; others are counted.

    Args:
        ann_file (str): The annotation file, for the log.
        samples (Iterable[dict]): Samples of annotations.
        reason_of (Callable): ``reason_of(sample)`` -> why to leave it out, or
            None.

    Yields:
        dict: A sample, with ``track_id`` if its annotation has one.
    """
    left_out: Counter = Counter()
    total = 0
    for sample in samples:
        total += 1
        reason = reason_of(sample)
        if reason is not None:
            left_out[reason] += 1
            continue
        if 'track_id' in sample['raw_ann_info']:
            sample['track_id'] = sample['raw_ann_info']['track_id']
        yield sample
    for reason, count in left_out.items():
        print_log(
            f'{ann_file}: {count} of {total} persons are left out: persons '
            f'{reason}',
            logger='current',
            level=logging.WARNING)
