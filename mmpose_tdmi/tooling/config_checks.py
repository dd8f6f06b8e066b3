"""Mistakes in configs of clips, found before a training finds them.

Each rule looks at one thing that people get wrong and that shows late, as an
odd error or as an AP of 0. Rules read the config and nothing else
(:mod:`.model_rules`, :mod:`.data_rules`);
:mod:`mmpose_tdmi.tooling.config_trials` tries out data and model.

Shape shorthand: none.
"""
from typing import Callable, Iterator, List, Tuple

from mmengine.config import Config

from .config_findings import ERROR, WARNING, Finding
from .data_rules import (check_evaluators, check_loaders, check_name,
                         check_pipelines)
from .model_rules import (check_codec, check_imports, check_keypoints,
                          check_preprocessor, check_windows)

__all__ = ['ERROR', 'WARNING', 'Finding', 'RULES', 'check_config']

Rule = Callable[[Config], Iterator[Finding]]

RULES: Tuple[Rule, ...] = (check_imports, check_windows, check_preprocessor,
                           check_pipelines, check_codec, check_keypoints,
                           check_loaders, check_evaluators, check_name)


def check_config(config: Config) -> List[Finding]:
    """Apply every rule that needs neither files nor the model.

    Args:
        config (Config): The config.

    Returns:
        list[Finding]: Errors first.
    """
    found = [finding for rule in RULES for finding in rule(config)]
    return sorted(found, key=lambda finding: finding.level != ERROR)
