"""What the checks of configs find, and what they look through.

Shape shorthand: none.
"""
from dataclasses import dataclass
from typing import Any, Iterator, List, Optional, Tuple

from mmengine.config import Config

ERROR, WARNING = 'error', 'warning'
PHASES = ('train', 'val', 'test')


@dataclass(frozen=True)
class Finding:
    """Something found in a config.

    Attributes:
        level (str): ``'error'``, it cannot work or gives wrong numbers; or
            ``'warning'``, it is unusual.
        key (str): Where in the config.
        message (str): What was found and what was expected.
    """
    level: str
    key: str
    message: str

    def __str__(self) -> str:
        return f'{self.level}: {self.key}: {self.message}'


def loaders(config: Config) -> Iterator[Tuple[str, Any]]:
    """The phases that a config has, with their loaders."""
    for phase in PHASES:
        loader = config.get(f'{phase}_dataloader')
        if loader and loader.get('dataset'):
            yield phase, loader


def find_step(pipeline: List[dict], name: str) -> Optional[dict]:
    """The first step of that type in a pipeline."""
    return next((step for step in pipeline or [] if step.get('type') == name),
                None)
