"""One self-contained html page with the demo's pictures, video and numbers."""
import base64
from pathlib import Path
from typing import Sequence, Tuple

from jinja2 import Environment

from mmpose_tdmi.utils.files import atomic_path

_TEMPLATE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 1000px;
       margin: 2rem auto; padding: 0 1rem; color: #222; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
table { border-collapse: collapse; font-size: .92rem; }
th, td { padding: .25rem .7rem; text-align: right;
         border-bottom: 1px solid #ddd; }
th:first-child, td:first-child, th:nth-child(2), td:nth-child(2)
  { text-align: left; }
img, video { max-width: 100%; border: 1px solid #ddd; }
.note { color: #555; font-size: .92rem; }
code { background: #f3f3f3; padding: .1rem .3rem; }
</style>
</head>
<body>
<h1>{{ title }}</h1>
{% for paragraph in introduction %}<p>{{ paragraph }}</p>{% endfor %}
{% for section in sections %}
<h2>{{ section.title }}</h2>
{% for paragraph in section.text %}<p class="note">{{ paragraph }}</p>
{% endfor %}
{% if section.table %}
<table>
<tr>{% for cell in section.table[0] %}<th>{{ cell }}</th>{% endfor %}</tr>
{% for row in section.table[1:] %}
<tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}
</table>
{% endif %}
{% for name, uri in section.media %}
{% if uri.startswith('data:video') %}
<p><video controls loop muted src="{{ uri }}" title="{{ name }}"></video></p>
{% else %}
<p><img src="{{ uri }}" alt="{{ name }}"></p>
{% endif %}
{% endfor %}
{% endfor %}
</body>
</html>
"""

_MEDIA_TYPES = {'.png': 'image/png', '.jpg': 'image/jpeg', '.mp4': 'video/mp4'}


class Section:
    """A heading with text, a table and pictures or videos.

    Args:
        title (str): Heading.
        text (Sequence[str]): Paragraphs.
        table (Sequence[Sequence[str]]): Rows of cells, the header first.
        media (Sequence[Path]): Pictures (png, jpg) and videos (mp4), put
            into the page itself.
    """

    def __init__(
        self,
        title: str,
        text: Sequence[str] = (),
        table: Sequence[Sequence[str]] = (),
        media: Sequence[Path] = ()
    ) -> None:
        self.title = title
        self.text = text
        self.table = table
        self.media = [_data_uri(path) for path in media]


def write_page(path: Path, title: str, introduction: Sequence[str],
               sections: Sequence[Section]) -> None:
    """Write the page, whole or not at all; all text is escaped.

    Args:
        path (Path): The html file.
        title (str): Heading of the page.
        introduction (Sequence[str]): Paragraphs under it.
        sections (Sequence[Section]): What follows.
    """
    template = Environment(autoescape=True).from_string(_TEMPLATE)
    html = template.render(
        title=title, introduction=introduction, sections=sections)
    with atomic_path(path) as temporary:
        temporary.write_text(html, encoding='utf-8')


def _data_uri(path: Path) -> Tuple[str, str]:
    kind = _MEDIA_TYPES[path.suffix]
    content = base64.b64encode(path.read_bytes()).decode('ascii')
    return path.name, f'data:{kind};base64,{content}'
