"""What the interface was when it was recorded."""
import json
from pathlib import Path

import pytest


@pytest.fixture
def expected():
    """``expected(name)``: what ``record.py`` wrote."""

    def read(name):
        path = Path(__file__).parent / 'expected' / f'{name}.json'
        return json.loads(path.read_text())

    return read
