"""XML that is bounded and whose errors are named."""
import pytest

from mmpose_tdmi.datasets.converters import conversion as reading_xml
from mmpose_tdmi.datasets.converters.conversion import read_xml

BOMB = ('<!DOCTYPE a [<!ENTITY b "bbbbbbbbbb"><!ENTITY c "' + '&b;' * 1000 +
        '"><!ENTITY d "' + '&c;' * 1000 + '">]><a>&d;</a>')


def write(tmp_path, text):
    path = tmp_path / 'file.xml'
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize('text, message', [
    (BOMB, 'document type definition'),
    ('<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', 'document type'),
    ('<a><b></a>', 'mismatched'),
    ('<a>&nothing;</a>', 'undefined entity'),
    ('', 'no element'),
    (b'<a>\xff</a>', 'invalid'),
    ('<?xml version="1.0" encoding="nonsense"?><a/>', 'encoding'),
    ('<a>' * 40 + '</a>' * 40, 'nested more than 32'),
    ('<b/>', 'root element is <b>, expected <a>'),
])
def test_what_cannot_be_read_is_named(tmp_path, text, message):
    path = write(tmp_path, text)
    with pytest.raises(ValueError, match=message) as caught:
        read_xml(path, 'a')
    assert str(path) in str(caught.value)


def test_large_files_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(reading_xml, 'MAX_BYTES', 10)
    with pytest.raises(ValueError, match='has 17 bytes'):
        read_xml(write(tmp_path, '<a>1234567890</a>'), 'a')
    with pytest.raises(FileNotFoundError):
        read_xml(tmp_path / 'none.xml', 'a')


def test_values_and_places(tmp_path):
    root = read_xml(
        write(tmp_path, '<a><b>1, -2.5,3e1</b><c>x</c><c>1_0</c></a>'), 'a')
    assert root.child('b').numbers(3) == [1, -2.5, 30]
    assert [child.text for child in root.children('c')] == ['x', '1_0']
    for child, place in zip(root.children('c'), (0, 1)):
        with pytest.raises(ValueError, match=rf'a/c\[{place}\] is'):
            child.numbers(1)
    for tag, found in (('c', 2), ('d', 0)):
        with pytest.raises(ValueError, match=f'has {found} elements <{tag}>'):
            root.child(tag)
    with pytest.raises(ValueError, match=r'a/b\[0\] is .* expected 2'):
        root.child('b').numbers(2)


@pytest.mark.parametrize('text', ['', 'nan', 'inf', '1e9', '0x1', '1,', '--1'])
def test_numbers_are_finite_pixels(tmp_path, text):
    with pytest.raises(ValueError, match='separated by commas'):
        read_xml(write(tmp_path, f'<a>{text}</a>'), 'a').numbers(1)
