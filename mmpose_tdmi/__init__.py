"""TDMI (Feng et al., CVPR 2023) as an MMPose 1.x plugin.

A config needs one line to use it::

    custom_imports = dict(
        imports=['mmpose_tdmi'], allow_failed_imports=False)

Importing the package checks the installed versions, lets torch load the
checkpoints that MMEngine's Runner writes, and registers the package's classes
with MMPose.
"""
import sys

from .version import __version__

__all__ = ['__version__']


def _register() -> None:
    """Make everything known to the host, if the host works."""
    from . import stack
    stack.require()

    from .utils.checkpoints import allow_runner_checkpoints
    allow_runner_checkpoints()

    from . import datasets, engine, evaluation, models  # noqa: F401


# The doctor must run on a broken stack, too. While a package is imported for
# ``-m``, ``sys.argv[0]`` is ``'-m'``; which module was asked for is known
# since Python 3.10, before, any one is taken for the doctor.
if (getattr(sys, 'argv', [''])[:1] != ['-m'] or 'mmpose_tdmi.doctor'
        not in getattr(sys, 'orig_argv', ['mmpose_tdmi.doctor'])):
    _register()
