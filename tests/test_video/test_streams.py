"""Live streams and files from addresses, of a server in this process."""
import json
import threading
import time
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np
import pytest

from mmpose_tdmi.apis import VideoPoseInferencer
from mmpose_tdmi.utils import video as module
from mmpose_tdmi.utils.video import VideoReadError
from mmpose_tdmi.video.decoding import VideoFile, open_video, read_ahead


class Handler(BaseHTTPRequestHandler):
    """``/live.mjpg`` sends as many pictures as is next in ``server.numbers``,
    brighter from one to the next; negative: and then nothing."""

    def log_message(self, *_):
        pass

    def do_GET(self):
        server, path = self.server, self.path.partition('?')[0]
        if path == '/live.mjpg':
            self.stream()
        elif path == '/silent':
            server.is_over.wait()
        elif path == '/page':
            self.answer(b'<html>no video</html>' * 99, 'text/html')
        elif path.startswith('/whole') or path.startswith('/unsized'):
            content = server.file.read_bytes()
            self.answer(content, 'video/mp4', path.startswith('/whole'))
        else:
            self.send_error(404)

    def answer(self, content, kind, tells_size=True):
        self.send_response(200)
        self.send_header('Content-Type', kind)
        if tells_size:
            self.send_header('Content-Length', str(len(content)))
        self.end_headers()
        try:
            self.wfile.write(content)
        except OSError:
            pass  # it has hung up

    def stream(self):
        server = self.server
        if 'Authorization' not in self.headers:
            self.send_response(401)
            self.send_header('WWW-Authenticate', 'Basic realm="a"')
            self.end_headers()
            return
        if not server.numbers:
            self.send_error(503)
            return
        number = server.numbers.pop(0)
        self.answer(b'', 'multipart/x-mixed-replace;boundary=frame', False)
        for _ in range(abs(number)):
            image = np.full((96, 128, 3), server.value, np.uint8)
            server.value += 8
            image = cv2.imencode('.jpg', image)[1].tobytes()
            self.wfile.write(b'--frame\r\nContent-Type: image/jpeg\r\n'
                             b'Content-Length: %d\r\n\r\n%s\r\n' %
                             (len(image), image))
            time.sleep(0.01)
        if number < 0:
            server.is_over.wait()


@pytest.fixture
def server(monkeypatch):
    """Its address has a user, a password and a key; waiting is short."""
    monkeypatch.setattr(module, 'SILENCE', 1.)
    monkeypatch.setattr(module, 'PATIENCE', 1.5)
    monkeypatch.setattr(module, 'PAUSES', (0.1, 0.2))
    server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    server.daemon_threads = True
    server.value, server.is_over = 8, threading.Event()
    server.host = f'127.0.0.1:{server.server_port}'
    server.at = f'http://user:s3cret@{server.host}'
    threading.Thread(
        target=server.serve_forever, args=[0.01], daemon=True).start()
    yield server
    server.is_over.set()
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize('numbers, why', [([5, 6], 'Input/output error'),
                                          ([-5, 6], 'no answer for 1 s')])
def test_a_stream_that_breaks_is_connected_again(server, capfd, numbers, why):
    server.numbers = list(numbers)
    address = f'http://{server.host}/live.mjpg'
    found = []
    with pytest.raises(VideoReadError) as error:
        with open_video(f'{server.at}/live.mjpg?key=s3cret') as source:
            assert (source.name, source.input) == ('live', address)
            assert source.is_live and source.num_frames is None
            assert source.size == (128, 96)
            found += source
    assert f'{address}: given up after 1.5 s without a frame (' in str(
        error.value)
    # none is lost, none comes twice
    values = [round(float(frame.image.mean()) / 8) for frame in found]
    assert values == list(range(1, 12))
    # the break is a hole, of what it took at 25 frames a second
    indices = np.array([frame.index for frame in found])
    assert indices[:5].tolist() == [0, 1, 2, 3, 4]
    seconds = np.array([frame.timestamp for frame in found])
    hole = seconds[5] - seconds[4]
    assert 0.1 <= hole < 5
    assert np.diff(indices)[5:].tolist() == [1] * 5
    assert indices[5] - 5 == pytest.approx(hole * 25, abs=1.5)
    assert (np.diff(seconds) > 0).all()
    told = capfd.readouterr().err
    assert told.count('connecting again') == 2
    assert f'{address}: {why}: connecting again' in told
    assert 's3cret' not in told + str(error.value)


@pytest.mark.parametrize('path, why', [
    ('/none', 'Server returned 404 Not Found'),
    ('/silent', 'no answer for 1 s'),
    ('/page', ''),
])
def test_a_first_connection_that_fails(server, path, why):
    begin = time.monotonic()
    with pytest.raises(VideoReadError) as error:
        open_video(server.at + path)
    assert time.monotonic() - begin < 5
    assert str(error.value).startswith(
        f'http://{server.host}{path} cannot be opened as a video: {why}')
    assert 's3cret' not in ''.join(traceback.format_exception(*error._excinfo))


def test_nobody_answers(server):
    server.shutdown()
    server.server_close()
    with pytest.raises(VideoReadError) as error:
        open_video(f'rtsp://user:p@s3cret@{server.host}/a')
    assert str(error.value) == (f'rtsp://{server.host}/a cannot be opened as '
                                'a video: Connection refused')


@pytest.mark.parametrize('path', ['/whole.mp4', '/unsized.mp4'])
def test_a_file_from_an_address_is_read_once(server, videos, tmp_path, path):
    server.file = videos.make(tmp_path / 'a.mp4', num_frames=12)
    with open_video(server.at + path) as source:
        assert source.name == path[1:-4] and not source.is_live
        assert source.num_frames == 12
        found = list(source)
    expected = list(VideoFile(server.file))
    assert len(found) == len(expected) == 12
    for ours, theirs in zip(found, expected):
        assert (ours.index, ours.timestamp) == (theirs.index, theirs.timestamp)
        np.testing.assert_array_equal(ours.image, theirs.image)


def test_an_address_has_a_rate_of_its_own(server):
    server.numbers = [9]
    with pytest.raises(ValueError, match='its own frame rate') as error:
        open_video(f'{server.at}/live.mjpg', fps=10)
    assert 's3cret' not in str(error.value)


def test_read_ahead_keeps_the_newest_frame_of_a_stream(server):
    server.numbers = [12]
    source = open_video(f'{server.at}/live.mjpg')
    with read_ahead(source) as frames:
        found = iter(frames)
        next(found)
        while server.value < 8 * 13:
            time.sleep(0.05)
        time.sleep(0.3)
        newest = next(found)
    assert newest.index == 11 and newest.image.mean() > 80


def test_results_until_a_stream_is_given_up_are_whole(server, tmp_path,
                                                      saved_pose_model):
    server.numbers = [4, 4]
    inferencer = VideoPoseInferencer(*saved_pose_model, device='cpu')
    with pytest.raises(VideoReadError, match='given up'):
        inferencer.run(
            f'{server.at}/live.mjpg',
            boxes=lambda index, image: np.array([[8., 8., 60., 80., 1.]]),
            pred_out_dir=tmp_path,
            vis_out_dir=tmp_path)
    assert sorted(path.name
                  for path in tmp_path.iterdir()) == ['live.json', 'live.mp4']
    text = (tmp_path / 'live.json').read_text()
    content = json.loads(text)
    assert 's3cret' not in text
    assert content['meta']['input'] == f'http://{server.host}/live.mjpg'
    indices = [frame['frame'] for frame in content['frames']]
    assert indices == sorted(set(indices)) and len(indices) >= 2
    assert max(indices) > 7  # those after the break
