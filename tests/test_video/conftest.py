"""Videos whose frames tell their index, and ways to damage them."""
import importlib.util
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Optional, Sequence, Tuple

import av
import numpy as np
import pytest

_spec = importlib.util.spec_from_file_location(
    'inference_fixtures',
    Path(__file__).parents[1] / 'test_apis' / 'conftest.py')
_fixtures = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_fixtures)

saved_detector = _fixtures.saved_detector
saved_pose_model = _fixtures.saved_pose_model
clip = _fixtures.clip

WIDTH, HEIGHT, NUM_FRAMES = 64, 48, 40
FPS = Fraction(30000, 1001)


def picture(index: int,
            height: int = HEIGHT,
            width: int = WIDTH) -> np.ndarray:
    """A frame whose lower right corner tells its index; blue upper left."""
    frame = np.full((height, width, 3), 40 + 5 * index, np.uint8)
    frame[:12, :16] = (255, 0, 0)
    frame[20:30, 20:40] = np.random.default_rng(index).integers(
        0, 255, (10, 20, 3), dtype=np.uint8)
    return frame


def index_of(frame: np.ndarray) -> int:
    """The index that a decoded frame tells; :func:`make_video` makes some up
    to three levels darker."""
    return round((float(frame[-8:, -8:].mean()) - 38.5) / 5)


def make_video(path: Path,
               codec: str = 'libx264',
               num_frames: int = NUM_FRAMES,
               milliseconds: Optional[Sequence[int]] = None,
               first: int = 0,
               size: Tuple[int, int] = (WIDTH, HEIGHT),
               fps: Fraction = FPS,
               pixel_aspect: Fraction = Fraction(1),
               **options: str) -> Path:
    """Write a video; x264: seek points every 6 frames, reordered frames."""
    if codec == 'libx264':
        options = dict(g='6', bf='2', sc_threshold='0', crf='8', **options)
    container = dict(movflags='faststart') if path.suffix == '.mp4' else {}
    with av.open(str(path), 'w', options=container) as file:
        stream = file.add_stream(codec, rate=fps, options=options)
        stream.width, stream.height = size
        stream.codec_context.sample_aspect_ratio = pixel_aspect
        stream.pix_fmt = 'yuvj420p' if codec == 'mjpeg' else 'yuv420p'
        if milliseconds is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for index in range(num_frames):
            frame = av.VideoFrame.from_ndarray(
                picture(first + index, size[1], size[0]), format='bgr24')
            if milliseconds is not None:
                frame.pts = milliseconds[index]
                frame.time_base = Fraction(1, 1000)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def damage(source: Path, target: Path, packets: Sequence[int]) -> Path:
    """Overwrite the data of packets, by their place in the file, with 0."""
    with av.open(str(source)) as file:
        places = [(packet.pos, packet.size) for packet in file.demux(video=0)
                  if packet.size]
    content = bytearray(source.read_bytes())
    for packet in packets:
        start, size = places[packet]
        content[start:start + size] = bytes(size)
    target.write_bytes(content)
    return target


def turn(path: Path, a: int = 0, b: int = 1, c: int = -1, d: int = 0) -> Path:
    """Make an mp4 ask for an orientation, by default a quarter turn clockwise:
    the pixel at x, y is shown at a x + c y, b x + d y."""
    content, one = bytearray(path.read_bytes()), 1 << 16
    start = content.find(b'tkhd') + 4 + 40
    matrix = [a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30]
    content[start:start + 36] = np.array(matrix, '>i4').tobytes()
    path.write_bytes(content)
    return path


def trim(path: Path, num_frames: int) -> Path:
    """Make an mp4 leave out its first frames, by its edit list."""
    with av.open(str(path)) as file:
        time_base = file.streams.video[0].time_base
    content = bytearray(path.read_bytes())
    start = content.find(b'elst') + 16
    time = int.from_bytes(content[start:start + 4], 'big')
    time += round(num_frames / (FPS * time_base))
    content[start:start + 4] = time.to_bytes(4, 'big')
    path.write_bytes(content)
    return path


def time_anew(source: Path, target: Path, milliseconds: Sequence[int]) -> Path:
    """Copy packets to a Matroska file that tells no rate, with time stamps in
    the order of the file."""
    with av.open(str(source)) as file, av.open(
            str(target), 'w', format='matroska') as copy:
        stream = copy.add_stream_from_template(file.streams.video[0])
        packets = [packet for packet in file.demux(video=0) if packet.size]
        for number, packet in enumerate(packets):
            packet.time_base = Fraction(1, 1000)
            packet.pts = milliseconds[number]
            packet.dts = number - len(packets)  # not stored
            packet.stream = stream
            copy.mux(packet)
    return target


@pytest.fixture(scope='session')
def videos() -> SimpleNamespace:
    """The functions above."""
    return SimpleNamespace(
        size=(WIDTH, HEIGHT),
        num_frames=NUM_FRAMES,
        fps=FPS,
        picture=picture,
        index_of=index_of,
        make=make_video,
        damage=damage,
        turn=turn,
        trim=trim,
        time_anew=time_anew)
