"""The pages and the commands on them."""
import re
import shlex
from pathlib import Path
from typing import Iterator, List, NamedTuple

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = sorted([
    *(REPOSITORY / f'{name}.md'
      for name in ('README', 'CONTRIBUTING', 'CHANGELOG')),
    *(REPOSITORY / 'docs').glob('*.md'),
    *(REPOSITORY / 'projects').glob('*/*.md')
])


class Command(NamedTuple):
    """A command line of a page.

    Attributes:
        page (str): The page, relative to the repository.
        words (list[str]): The command, without redirections and variables.
    """
    page: str
    words: List[str]

    def __str__(self) -> str:
        return f'{self.page}: {" ".join(self.words)}'


def find_commands() -> Iterator[Command]:
    """Commands of all shell blocks, and of lines indented by four.

    Not those of reports: they say what was run, and when.
    """
    for path in PAGES:
        page = path.relative_to(REPOSITORY).as_posix()
        text = path.read_text(encoding='utf-8')
        text = re.sub(
            r'^<!-- report: .*?^<!-- end -->', '', text, flags=re.M | re.S)
        blocks = re.findall(r'^```(?:bash|console|shell|sh)\n(.*?)^```', text,
                            re.M | re.S)
        outside = re.sub(r'^```.*?^```', '', text, flags=re.M | re.S)
        blocks += re.findall(r'((?:^    \S.*\n(?:^     .*\n)*)+)', outside,
                             re.M)
        for block in blocks:
            block = re.sub(r'\\\n\s*', ' ', block)
            for line in block.splitlines():
                words = _words(line)
                if words:
                    yield Command(page, words)


def _words(line: str) -> List[str]:
    line = line.strip().removeprefix('$ ')
    try:
        words = shlex.split(line, comments=True)
    except ValueError:  # prose with an apostrophe
        return []
    while words and re.fullmatch(r'[A-Z_]+=.*', words[0]):
        words.pop(0)
    for i, word in enumerate(words):
        if word in ('|', '>', '&&', '||', ';', '2>&1', '&'):
            words = words[:i]
            break
    known = ('python', 'mim', 'make', 'bash', 'torchrun')
    is_script = words and re.match(r'(tools|scripts)/\S+\.(py|sh)$', words[0])
    return words if words and (words[0] in known or is_script) else []
