"""Fixtures shared by all tests."""
import hashlib
import importlib.util
import os
import random
import threading
import time
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Optional, Tuple

import numpy as np
import pytest
import torch
from mmengine.config import config as config_module

REPOSITORY = Path(__file__).resolve().parent


def pytest_configure() -> None:
    """Keep torch from starting one thread per core of a shared machine."""
    if 'OMP_NUM_THREADS' not in os.environ:
        torch.set_num_threads(min(2, os.cpu_count() or 1))


@pytest.fixture(autouse=True, scope='session')
def _plain_configs() -> Iterator[None]:
    """Keep MMEngine from what takes most of a small training's time.

    It formats the config's text by yapf for the log and for each checkpoint,
    and reads a hundred files of MMPose for each of a config's bases.
    """
    find_base = config_module._get_external_cfg_path
    missing = set()

    def find(package_path: str, cfg_file: str) -> str:
        if cfg_file in missing:
            raise ValueError(cfg_file)
        try:
            return find_base(package_path, cfg_file)
        except ValueError:
            missing.add(cfg_file)
            raise

    def as_it_is(text: str, **kwargs) -> Tuple[str, bool]:
        return text, True

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(config_module, '_get_external_cfg_path', find)
        # OneDL's takes it from elsewhere
        patch.setattr(config_module, 'FormatCode', as_it_is, raising=False)
        yield


@pytest.fixture(autouse=True)
def seeds() -> int:
    """Start every test from the same random state."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    return 0


@pytest.fixture(scope='session')
def repository() -> Path:
    """The repository's root."""
    return REPOSITORY


@pytest.fixture(scope='session')
def shared_clips() -> Path:
    """Folder of real clips, which are not part of the repository.

    It is looked for in ``$MMPOSE_TDMI_CLIPS``, then beside the repository in
    ``shared/clips``; tests that need it are skipped where it is absent.
    """
    named = os.environ.get('MMPOSE_TDMI_CLIPS')
    folder = Path(named) if named else REPOSITORY.parent / 'shared' / 'clips'
    if not folder.is_dir():
        pytest.skip(f'needs real clips in {folder}; set MMPOSE_TDMI_CLIPS to '
                    'the folder that holds them')
    return folder


@pytest.fixture(scope='session')
def shared_bugs(shared_clips: Path) -> Path:
    """Folder of small inputs that once went wrong, ``bugs`` beside the clips;
    tests that need it are skipped where it is absent."""
    folder = shared_clips.parent / 'bugs'
    if not folder.is_dir():
        pytest.skip(f'needs the inputs in {folder}')
    return folder


@pytest.fixture
def needs_mim() -> None:
    """Skips where mim is missing; importing it fails after distutils."""
    if importlib.util.find_spec('mim') is None:
        pytest.skip('needs mim')


@pytest.fixture(scope='session')
def cpu_float16() -> Callable[[], None]:
    """``cpu_float16()`` skips where torch convolves no float16 on CPUs."""

    def check() -> None:
        x = torch.zeros(1, 1, 3, 3, dtype=torch.float16)
        try:
            torch.nn.functional.conv2d(x, x)
        except RuntimeError:
            pytest.skip(f'torch {torch.__version__} computes no float16 on '
                        'CPUs')

    return check


@pytest.fixture(scope='session')
def cpu_autocast() -> Callable[[torch.dtype], torch.autocast]:
    """``cpu_autocast(dtype)``: the context; skips where torch has none."""

    def make(dtype: torch.dtype) -> torch.autocast:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter('always')
            context = torch.autocast('cpu', dtype=dtype)
        if any('dtype is not supported' in str(w.message) for w in caught):
            pytest.skip(f'torch {torch.__version__} has no autocast to '
                        f'{dtype} on CPUs')
        return context

    return make


class WeightsServer:
    """A server of files on this machine, whose connections may break.

    ``files`` are contents by path; the next answers break after as many bytes
    as ``cuts`` says, all after ``delay`` seconds. ``asked`` has the requests,
    path and Range.
    """

    def __init__(self) -> None:
        self.files: Dict[str, bytes] = {}
        self.cuts: List[int] = []
        self.knows_ranges = True
        self.delay = 0.
        self.asked: List[Tuple[str, Optional[str]]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):

            def do_GET(self) -> None:  # noqa: N802  the library's name
                server._answer(self)

            def log_message(self, *args) -> None:
                pass

        self._server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.address = f'http://127.0.0.1:{self._server.server_port}'
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(.01, ), daemon=True)
        self._thread.start()

    def add(self, folder: str, stem: str, content: bytes) -> str:
        """Offer a file under a name with its hash; gives its address."""
        digest = hashlib.sha256(content).hexdigest()[:8]
        path = f'/{folder}/{stem}-{digest}_20230504.pth'
        self.files[path] = content
        return self.address + path

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        wanted = request.headers.get('Range')
        self.asked.append((request.path, wanted))
        time.sleep(self.delay)
        content = self.files.get(request.path)
        if content is None:
            request.send_error(404)
            return
        start, size = 0, len(content)
        if wanted and self.knows_ranges:
            start = int(wanted[len('bytes='):-1])
        if start >= size:
            request.send_response(416)
            request.send_header('Content-Range', f'bytes */{size}')
            request.end_headers()
            return
        request.send_response(206 if start else 200)
        request.send_header('Content-Length', str(size - start))
        if start:
            request.send_header('Content-Range',
                                f'bytes {start}-{size - 1}/{size}')
        request.end_headers()
        end = start + self.cuts.pop(0) if self.cuts else size
        request.wfile.write(content[start:end])


@pytest.fixture
def weights_server(tmp_path: Path,
                   monkeypatch: pytest.MonkeyPatch) -> Iterator[WeightsServer]:
    """A server of weights, and torch's cache in an empty folder."""
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'torch'))
    monkeypatch.delenv('MMPOSE_TDMI_WEIGHTS', raising=False)
    # requests to this machine never go through a proxy
    monkeypatch.setenv('no_proxy', '127.0.0.1')
    server = WeightsServer()
    yield server
    server.stop()
