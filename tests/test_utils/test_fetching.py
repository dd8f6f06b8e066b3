"""Weights arrive whole and checked, whatever the connection does."""
import io
import threading
import zipfile

import pytest
import torch

from mmpose_tdmi.apis.models import read_checkpoint
from mmpose_tdmi.utils.checkpoints import WEIGHTS, fetch, has_hash


@pytest.fixture
def content():
    """A checkpoint of some 300 kB."""
    file = io.BytesIO()
    torch.save(dict(state_dict=dict(w=torch.rand(80000))), file)
    return file.getvalue()


@pytest.fixture
def cache(tmp_path):
    return tmp_path / 'torch' / 'hub' / 'checkpoints'


def test_downloaded_once(weights_server, content, cache):
    address = weights_server.add('v1', 'pose', content)
    path = fetch(address)
    assert path.parent == cache and path.name == address.rsplit('/', 1)[1]
    assert path.read_bytes() == content
    assert fetch(address) == path
    assert len(weights_server.asked) == 1
    assert [p.name for p in cache.iterdir()] == [path.name]
    # by the way that checkpoints are read, too
    assert len(read_checkpoint(address)['state_dict']['w']) == 80000


def test_other_paths_are_left_alone():
    for path in ('a/b.pth', 's3://a/b.pth'):
        assert fetch(path) == path


def test_broken_connections_are_resumed(weights_server, content):
    address = weights_server.add('v1', 'pose', content)
    weights_server.cuts = [100000, 50000]
    assert fetch(address).read_bytes() == content
    assert [asked for _, asked in weights_server.asked
            ] == [None, 'bytes=100000-', 'bytes=150000-']


def test_a_later_run_resumes(weights_server, content, cache):
    address = weights_server.add('v1', 'pose', content)
    weights_server.cuts = [100000, 0]
    with pytest.raises(ConnectionError) as caught:
        fetch(address)
    for part in (f'broke off after 100000 of {len(content)} bytes',
                 '0.1 MB have arrived and are kept', str(cache), WEIGHTS):
        assert part in str(caught.value)
    assert [p.suffix for p in cache.iterdir()] == ['.partial']
    assert fetch(address).read_bytes() == content
    assert weights_server.asked[-1][1] == 'bytes=100000-'
    assert [p.suffix for p in cache.iterdir()] == ['.pth']


def test_a_server_without_ranges(weights_server, content):
    weights_server.knows_ranges = False
    address = weights_server.add('v1', 'pose', content)
    weights_server.cuts = [100000]
    assert fetch(address).read_bytes() == content


def test_killed_before_the_file_was_at_its_place(weights_server, content,
                                                 cache):
    address = weights_server.add('v1', 'pose', content)
    cache.mkdir(parents=True)
    partial = cache / (address.rsplit('/', 1)[1] + '.partial')
    partial.write_bytes(content)
    assert fetch(address).read_bytes() == content
    assert weights_server.asked == [(address[len(weights_server.address):],
                                     f'bytes={len(content)}-')]


@pytest.mark.parametrize('size', [5000, 10**6])
def test_a_part_of_another_file(weights_server, content, cache, size):
    """It is noticed by the hash, or by its size, and begun anew."""
    address = weights_server.add('v1', 'pose', content)
    cache.mkdir(parents=True)
    partial = cache / (address.rsplit('/', 1)[1] + '.partial')
    partial.write_bytes(b'x' * size)
    assert fetch(address).read_bytes() == content


def test_wrong_hash(weights_server, content, cache):
    address = weights_server.add('v1', 'pose', content)
    path = address[len(weights_server.address):]
    weights_server.files[path] = content[:-1] + b'!'
    with pytest.raises(ConnectionError, match='what arrives .*SHA-256'):
        fetch(address)
    assert list(cache.iterdir()) == []
    # one that is there is neither used nor written over
    (cache / path.rsplit('/', 1)[1]).write_bytes(content + b'!')
    with pytest.raises(ValueError, match='its name says .* Move it away'):
        fetch(address)
    assert (cache / path.rsplit('/', 1)[1]).read_bytes() == content + b'!'


def test_missing_file(weights_server, cache):
    address = f'{weights_server.address}/v1/pose-0123abcd_20230504.pth'
    with pytest.raises(ConnectionError) as caught:
        fetch(address)
    for part in ('pose-0123abcd_20230504.pth', '404', address, str(cache)):
        assert part in str(caught.value)
    assert list(cache.iterdir()) == []


def test_offline(weights_server, content):
    address = weights_server.add('v1', 'pose', content)
    weights_server.stop()
    with pytest.raises(ConnectionError, match='refused.*download http://127'):
        fetch(address)


@pytest.mark.parametrize('layout', ['mirror/v1', 'mirror'])
def test_mirror(weights_server, content, monkeypatch, layout):
    """With the server's folders, or all files in one."""
    address = weights_server.add(layout, 'pose', content)
    name = address.rsplit('/', 1)[1]
    monkeypatch.setenv(WEIGHTS, f'{weights_server.address}/mirror/')
    assert fetch(f'http://127.0.0.1:1/v1/{name}').read_bytes() == content


def test_mirror_that_lacks_a_file_or_has_another(weights_server, content,
                                                 monkeypatch):
    address = weights_server.add('v1', 'pose', content)
    name = address.rsplit('/', 1)[1]
    weights_server.files[f'/mirror/{name}'] = b'<html>login</html>'
    monkeypatch.setenv(WEIGHTS, f'{weights_server.address}/mirror')
    assert fetch(address).read_bytes() == content
    assert [path for path, _ in weights_server.asked
            ] == [f'/mirror/v1/{name}', f'/mirror/{name}', f'/v1/{name}']


def test_folder(weights_server, content, tmp_path, monkeypatch):
    address = weights_server.add('v1', 'pose', content)
    folder = tmp_path / 'weights'
    monkeypatch.setenv(WEIGHTS, str(folder))
    with pytest.raises(ValueError, match=f'{WEIGHTS}: .*neither a folder'):
        fetch(address)
    folder.mkdir()
    file = folder / address.rsplit('/', 1)[1]
    file.write_bytes(content)
    assert fetch(address) == file
    assert weights_server.asked == []
    file.write_bytes(content[:100])
    with pytest.raises(ValueError, match=f'{file}: .*cut off'):
        fetch(address)


def damaged(content):
    """A zip file that has its directory and wrong bytes elsewhere."""
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        largest = max(file.infolist(), key=lambda info: info.file_size)
    place = largest.header_offset + largest.file_size // 2
    return content[:place] + b'????' + content[place + 4:]


@pytest.mark.parametrize('spoil, message',
                         [(lambda c: b'<html>', 'a web page'),
                          (lambda c: c[:1000], 'is cut off'),
                          (damaged, 'is damaged')])
def test_names_without_a_hash(weights_server, content, spoil, message):
    """Then at least the file must be whole."""
    weights_server.files['/pose.pth'] = spoil(content)
    with pytest.raises(ConnectionError, match=message):
        fetch(f'{weights_server.address}/pose.pth')
    weights_server.files['/pose.pth'] = content
    path = fetch(f'{weights_server.address}/pose.pth')
    assert path.read_bytes() == content


def test_several_at_once(weights_server, content):
    address = weights_server.add('v1', 'pose', content)
    weights_server.cuts, weights_server.delay = [100000], .3
    threads = [
        threading.Thread(target=fetch, args=(address, )) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(weights_server.asked) == 2
    assert fetch(address).read_bytes() == content


def test_addresses_without_a_file():
    with pytest.raises(ValueError, match='names no file'):
        fetch('http://127.0.0.1:1/')


@pytest.mark.parametrize('name, expected', [
    ('hrnet_w48_coco_384x288-314c8528_20200708.pth', True),
    ('atss_r50_fpn_1x_coco_20200209-985f7bd0.pth', True),
    ('mask_rcnn_r50_1x_coco_20200204-17235656.pth', True),
    ('cid_hrnet-w32_coco-512x512_42b7e6e6-20230207.pth', True),
    ('yolo-x_8xb8-300e_coco-face_13274d7c.pth', True),
    ('resnet50-0676ba61.pth', True),
    ('rtmw-dw-l-m_simcc-cocktail14_270e-256x192-20231122.pth', False),
    ('edpose_res50_coco_3rdparty.pth', False),
    ('epoch_00010000.pth', False),
])
def test_hashes_in_names(name, expected):
    assert has_hash(name) == expected
