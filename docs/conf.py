"""Settings of the documentation site: ``make docs``."""
import re
from typing import Any, List

import mmpose_tdmi

project = 'mmpose-tdmi'
author = 'the mmpose-tdmi contributors'
copyright = author
version = release = mmpose_tdmi.__version__

extensions = ['myst_parser', 'sphinx.ext.autodoc', 'sphinx.ext.napoleon']
exclude_patterns = ['build']
html_theme = 'furo'
html_title = f'{project} {version}'

myst_enable_extensions = ['colon_fence', 'deflist']
myst_heading_anchors = 3

# a name in two packages: links in docstrings name the nearer one
suppress_warnings = ['ref.python']

autodoc_member_order = 'bysource'
autodoc_typehints = 'none'
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False


def links_to_files(app: Any, page: str, source: List[str]) -> None:
    """Files outside of this folder come with the site, as downloads.

    On the pages they are links within the repository, ``../projects/...``.
    """
    source[0] = re.sub(r'\]\((\.\./[^)#\s]+)(?:#[^)\s]*)?\)', r'](path:\1)',
                       source[0])


def setup(app: Any) -> None:
    app.connect('source-read', links_to_files)
