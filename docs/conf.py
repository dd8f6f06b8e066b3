"""Settings of the documentation site: ``make docs``."""
from pathlib import Path

import mmpose_tdmi

project = 'mmpose-tdmi'
author = 'the mmpose-tdmi contributors'
copyright = author
version = release = mmpose_tdmi.__version__

extensions = [
    'myst_parser',
    'sphinx.ext.autodoc',
    'sphinx.ext.napoleon',
    'sphinx.ext.viewcode',
]
exclude_patterns = ['build', 'gallery', 'known_truth_analysis.md']
html_theme = 'furo'
html_title = f'{project} {version}'
# pages of their own, copied as they are
html_extra_path = ['gallery'
                   ] if Path(__file__).with_name('gallery').is_dir() else []

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
