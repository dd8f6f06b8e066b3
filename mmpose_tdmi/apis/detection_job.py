"""Detection over many images, in chunks that survive an interruption.

The images are cut into chunks. A finished chunk is written, whole or not at
all, into a folder beside the result, ``<out>.partial``; a later run with the
same settings skips it. With all chunks there, the result is written and the
folder removed. ``<out stem>.settings.json`` stays beside the result and says
how it came about.

Shape shorthand: n boxes of an image.
"""
import hashlib
import json
import shutil
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Sequence, Tuple, Union

import numpy as np
from tqdm import tqdm

from mmpose_tdmi.utils.files import write_json

#: The category id of persons in COCO and PoseTrack, whatever the model's.
PERSON_CATEGORY_ID = 1
#: ``detect(images)`` -> per image its boxes (n, 5), x1, y1, x2, y2, score.
Detect = Callable[[Sequence[np.ndarray]], List[np.ndarray]]


class DetectionJob:
    """Detects on a list of images and writes a COCO-style detection json.

    Args:
        out (str | Path): The json to write: a list of ``dict(image_id,
            category_id, bbox=[x, y, w, h], score)`` and what ``records`` add.
        records (Sequence[dict]): Per image what its entries get: at least
            ``image_id``.
        settings (dict): What the boxes depend on, plain values.
        chunk_size (int): Images per chunk. Defaults to 64.

    Raises:
        ValueError: If a result or chunks of other settings are there.
    """

    def __init__(self,
                 out: Union[str, Path],
                 records: Sequence[dict],
                 settings: dict,
                 chunk_size: int = 64) -> None:
        self.out = Path(out)
        self.records = records
        self.chunk_size = chunk_size
        self.settings = json.loads(
            json.dumps(dict(settings, num_images=len(records))))
        self.partial = self.out.with_name(self.out.name + '.partial')
        self.settings_file = self.out.with_name(self.out.stem +
                                                '.settings.json')
        if self.out.exists() or any(self.partial.glob('*.json')):
            self._check_settings()

    @property
    def done(self) -> bool:
        """bool: Whether the result is there."""
        return self.out.exists()

    def run(self,
            images: Callable[[int], np.ndarray],
            detect: Detect,
            batch_size: int = 8) -> int:
        """Detect on all images that are not done, then write the result.

        Args:
            images (Callable): ``images(i)`` reads image i, (H, W, 3), BGR.
            detect (Callable): The detector, called with whole batches.
            batch_size (int): Images per batch. Defaults to 8.

        Returns:
            int: The number of boxes in the result.
        """
        if batch_size < 1:
            raise ValueError(
                f'batch_size must be at least 1, got {batch_size}')
        write_json(self.settings_file, self.settings, indent=1)
        self.partial.mkdir(parents=True, exist_ok=True)
        chunks = list(self._chunks())
        left = [(path, part) for path, part in chunks if not path.exists()]
        num_done = len(self.records) - sum(len(part) for _, part in left)
        with tqdm(
                total=len(self.records),
                initial=num_done,
                desc='detecting',
                unit='image') as progress:
            for path, part in left:
                entries = []
                for start in range(0, len(part), batch_size):
                    batch = part[start:start + batch_size]
                    boxes = detect([images(i) for i in batch])
                    for i, rows in zip(batch, boxes):
                        entries += _entries(self.records[i], rows)
                    progress.update(len(batch))
                write_json(path, entries)
        return self._collect([path for path, _ in chunks])

    def _chunks(self) -> Iterator[Tuple[Path, range]]:
        for start in range(0, len(self.records), self.chunk_size):
            stop = min(start + self.chunk_size, len(self.records))
            name = f'{start:08d}-{stop:08d}.json'
            yield self.partial / name, range(start, stop)

    def _collect(self, paths: Sequence[Path]) -> int:
        entries = []
        for path in paths:
            entries += json.loads(path.read_text(encoding='utf-8'))
        write_json(self.out, entries)
        shutil.rmtree(self.partial)
        return len(entries)

    def _check_settings(self) -> None:
        if not self.settings_file.is_file():
            raise ValueError(
                f'{self.out} or its partial results exist, but not '
                f'{self.settings_file}, which says how they came about; '
                'choose another output or use --overwrite')
        found = json.loads(self.settings_file.read_text(encoding='utf-8'))
        if found == self.settings:
            return
        differing = [
            f'{key}: {found.get(key)!r} then, {self.settings.get(key)!r} now'
            for key in sorted({*found, *self.settings})
            if found.get(key) != self.settings.get(key)
        ]
        raise ValueError(
            f'{self.out} (or its partial results) came about with other '
            f'settings: {"; ".join(differing)}. Choose another output or use '
            '--overwrite')


def remove_results(out: Union[str, Path]) -> None:
    """Remove a result, its partial results and its settings.

    Args:
        out (str | Path): The json of a :class:`DetectionJob`.
    """
    out = Path(out)
    out.unlink(missing_ok=True)
    out.with_name(out.stem + '.settings.json').unlink(missing_ok=True)
    partial = out.with_name(out.name + '.partial')
    if partial.exists():
        shutil.rmtree(partial)


def file_digest(path: Union[str, Path]) -> str:
    """The SHA-256 of a file, by which settings tell files apart."""
    digest = hashlib.sha256()
    with Path(path).open('rb') as file:
        for block in iter(lambda: file.read(1 << 20), b''):
            digest.update(block)
    return digest.hexdigest()


def _entries(record: Dict[str, object], rows: np.ndarray) -> List[dict]:
    return [
        dict(
            record,
            category_id=PERSON_CATEGORY_ID,
            bbox=[x1, y1, x2 - x1, y2 - y1],
            score=score)
        for x1, y1, x2, y2, score in np.asarray(rows, dtype=float).tolist()
    ]
