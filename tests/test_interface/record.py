#!/usr/bin/env python
"""Write anew what the tests beside it expect.

After a change of the interface that is meant::

    python tests/test_interface/record.py [NAME ...]

All of it, or what is named, goes to ``expected/<name>.json``, so that the
change is there to be seen in the diff.
"""
import argparse
import importlib.util
import json
from pathlib import Path
from typing import Any, Callable, Dict

HERE = Path(__file__).resolve().parent
WIDTH = 79


def find_pins() -> Dict[str, Callable[[], Any]]:
    """What gives the present values, by name: the tests' ``PINS``."""
    pins: Dict[str, Callable[[], Any]] = {}
    for path in sorted(HERE.glob('test_*.py')):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        pins.update(module.PINS)
    return pins


def layout(value: Any, indent: int = 0, used: int = 0) -> str:
    """Json with a line for whatever fits into one, and for rows of numbers.
    """
    line = json.dumps(value)
    is_row = isinstance(value, list) and not any(
        isinstance(entry, (dict, list, str)) for entry in value)
    if not value or is_row or not isinstance(
            value, (dict, list)) or indent + used + len(line) < WIDTH:
        return line
    inner = indent + 1
    if isinstance(value, dict):
        parts = []
        for key, entry in value.items():
            name = f'{json.dumps(key)}: '
            parts.append(name + layout(entry, inner, len(name)))
    else:
        parts = [layout(entry, inner) for entry in value]
    joined = f',\n{" " * inner}'.join(parts)
    opening, closing = '{}' if isinstance(value, dict) else '[]'
    return f'{opening}\n{" " * inner}{joined}\n{" " * indent}{closing}'


def main() -> None:
    pins = find_pins()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        'names',
        nargs='*',
        metavar='NAME',
        help=f'of {", ".join(sorted(pins))} (default: all)')
    names = parser.parse_args().names or sorted(pins)
    unknown = sorted(set(names) - set(pins))
    if unknown:
        parser.error(f'unknown: {", ".join(unknown)}')
    for name in names:
        path = HERE / 'expected' / f'{name}.json'
        path.parent.mkdir(exist_ok=True)
        path.write_text(layout(pins[name]()) + '\n')
        print(f'written: {path}')


if __name__ == '__main__':
    main()
