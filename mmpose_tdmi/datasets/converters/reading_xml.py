"""Reading small XML files whose every mistake is named.

As :mod:`.reading` for json. Files come from outside: one with a document type
definition is refused before anything in it is expanded, and size and depth
are bounded.

Shape shorthand: none.
"""
import re
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional
from xml.etree import ElementTree

from .reading import MAX_COORDINATE, PathLike, shown

#: More than any annotation of a frame has.
MAX_BYTES = 16 * 2**20
MAX_DEPTH = 32
_NUMBER = re.compile(r'[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?')


class XmlRecord:
    """An element of an XML file and its place there.

    Args:
        element (xml.etree.ElementTree.Element): The element.
        file (str): The file, for messages.
        place (str): Where in the file, e.g. ``annotation/object[2]``.
    """
    __slots__ = ('element', 'file', 'place')

    def __init__(self, element: ElementTree.Element, file: str,
                 place: str) -> None:
        self.element = element
        self.file = file
        self.place = place

    @property
    def tag(self) -> str:
        """str: The element's name."""
        return self.element.tag

    @property
    def where(self) -> str:
        """str: File and place."""
        return f'{self.file}: {self.place}'

    def error(self, expected: str) -> ValueError:
        """The error to raise when the text is not what was expected."""
        return ValueError(
            f'{self.where} is {shown(self.text)}, expected {expected}')

    @property
    def text(self) -> str:
        """str: The element's text without blanks around it."""
        return (self.element.text or '').strip()

    def __iter__(self) -> Iterator['XmlRecord']:
        """The children, in order."""
        counts: Dict[str, int] = {}
        for child in self.element:
            index = counts.setdefault(child.tag, 0)
            counts[child.tag] += 1
            yield XmlRecord(child, self.file,
                            f'{self.place}/{child.tag}[{index}]')

    def children(self, tag: str) -> List['XmlRecord']:
        """list[XmlRecord]: The children of one name."""
        return [child for child in self if child.tag == tag]

    def child(self, tag: str) -> 'XmlRecord':
        """The one child of a name.

        Raises:
            ValueError: If there is none, or more than one.
        """
        found = self.children(tag)
        if len(found) != 1:
            raise ValueError(f'{self.where} has {len(found)} elements '
                             f'<{tag}>, expected one')
        return found[0]

    def numbers(self, length: int) -> List[float]:
        """list[float]: Finite numbers separated by commas."""
        parts = self.text.split(',')
        values = [v for v in map(_number, parts) if v is not None]
        if not len(values) == len(parts) == length:
            raise self.error(f'{length} number(s) within '
                             f'+-{MAX_COORDINATE:g}, separated by commas')
        return values


def read_xml(path: PathLike, root: str) -> XmlRecord:
    """Read an XML file.

    Args:
        path (str | Path): The file.
        root (str): The name that its root element must have.

    Returns:
        XmlRecord: The root element.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is too large, is not well-formed, has a document
            type definition, is nested too deeply, or has another root.
    """
    data = Path(path).read_bytes()
    if len(data) > MAX_BYTES:
        raise ValueError(f'{path}: has {len(data)} bytes, expected at most '
                         f'{MAX_BYTES}')
    parser = ElementTree.XMLParser(target=_BoundedBuilder())
    try:
        parser.feed(data)
        element = parser.close()
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise ValueError(f'{path}: not readable XML: {error}') from error
    if element.tag != root:
        raise ValueError(
            f'{path}: the root element is <{element.tag}>, expected <{root}>')
    return XmlRecord(element, str(path), root)


class _BoundedBuilder(ElementTree.TreeBuilder):
    """Builds the tree, and stops where a file asks for too much."""

    def __init__(self) -> None:
        super().__init__()
        self._depth = 0

    def doctype(self, *args: Any) -> None:
        raise ValueError('a document type definition is not allowed')

    def start(self, tag: str, attributes: Dict[str, str]) -> Any:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ValueError(f'nested more than {MAX_DEPTH} deep')
        return super().start(tag, attributes)

    def end(self, tag: str) -> Any:
        self._depth -= 1
        return super().end(tag)


def _number(text: str) -> Optional[float]:
    """The number that a text is, None if it is none."""
    text = text.strip()
    if len(text) > 40 or not _NUMBER.fullmatch(text):
        return None
    value = float(text)
    if abs(value) > MAX_COORDINATE:
        return None
    return int(value) if value.is_integer() else value
