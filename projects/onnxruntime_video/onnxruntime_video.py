#!/usr/bin/env python
"""Poses along a video with ONNX Runtime, OpenCV and NumPy alone.

Takes the graphs that tools/deploy/export_onnx.py writes, and no package of
PyTorch or OpenMMLab, and gives the poses that tools/infer_video.py gives with
the same boxes. Each frame of a person goes through the frame graph once; its
maps are kept and used by all windows that see it::

    python projects/onnxruntime_video/onnxruntime_video.py video.mp4 \
        --graphs onnx --boxes boxes.json --out-video poses.mp4 \
        --out-json poses.json

BOXES is a json list of {"image_id": frame index, "bbox": [x, y, w, h],
"score", "track_id"}, as tools/detect_persons.py writes it, with a track_id
where a frame has several boxes. Without it the whole frame is one person.

Shape shorthand: N crops, B windows, T frames of a window, C channels, K
keypoints, H x W pixels of a crop, h x w cells.
"""
import argparse
import json
import math
import os
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np
import onnxruntime

#: A crop is kept while a box asks for one that is off by less than this share
#: of its side, and larger or smaller by less than this factor: the defaults of
#: mmpose_tdmi.video.CropPolicy.
MAX_SHIFT, MAX_SCALE = 0.01, 1.02
#: All crops are renewed in each so manyeth frame.
RENEWAL = 60

COLOURS = [(80, 200, 60), (60, 120, 255), (255, 140, 50), (200, 60, 220),
           (50, 210, 230)]


class Graphs:
    """The two graphs in a folder, and what their metadata says.

    ``batch_size`` is crops and windows per pass; ``threads`` of 0 are ONNX
    Runtime's own choice.
    """

    def __init__(self, folder, batch_size=4, threads=0):
        self.batch_size = batch_size
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        sessions, metas = {}, {}
        for name in ('frame', 'window'):
            path = Path(folder) / f'{name}.onnx'
            if not path.is_file():
                raise FileNotFoundError(f'graph {path} does not exist')
            sessions[name] = onnxruntime.InferenceSession(
                str(path), options, providers=['CPUExecutionProvider'])
            props = sessions[name].get_modelmeta().custom_metadata_map
            if 'format_version' not in props:
                raise ValueError(f'{path} was not written by export_onnx.py: '
                                 'it has no metadata')
            metas[name] = {k: json.loads(v) for k, v in props.items()}
        self.frame, self.window = sessions['frame'], sessions['window']
        self.meta = metas['window']
        if metas['frame']['weights'] != self.meta['weights']:
            raise ValueError(
                f'frame.onnx ({metas["frame"]["name"]}) and window.onnx '
                f'({self.meta["name"]}) in {folder} are of different weights: '
                'export both at once')
        maps = [value.shape[1:] for value in self.frame.get_outputs()]
        taken = [value.shape[2:] for value in self.window.get_inputs()]
        if maps != taken:
            raise ValueError(f'frame.onnx gives maps of the shapes {maps}, '
                             f'window.onnx takes {taken}')

    def encode(self, crops):
        """Maps of crops (N, H, W, 3), uint8, BGR: of each, (C_j, h_j, w_j)."""
        if self.meta['colour'] == 'rgb':
            crops = crops[..., ::-1]
        x = (crops - np.float32(self.meta['mean'])) / np.float32(
            self.meta['std'])
        x = np.ascontiguousarray(x.transpose(0, 3, 1, 2), np.float32)
        encoded = []
        for start in range(0, len(x), self.batch_size):
            maps = self.frame.run(None,
                                  {'frames': x[start:start + self.batch_size]})
            # copied, or each would keep the whole batch in memory
            encoded += [[m[i].copy() for m in maps]
                        for i in range(len(maps[0]))]
        return encoded

    def heatmaps(self, windows):
        """Heatmaps (B, K, h, w) of the key frames of B windows, each the maps
        of its T frames in order of time."""
        names = [value.name for value in self.window.get_inputs()]
        found = []
        for start in range(0, len(windows), self.batch_size):
            batch = windows[start:start + self.batch_size]
            inputs = {
                name: np.stack([[maps[j] for maps in window]
                                for window in batch])
                for j, name in enumerate(names)
            }
            found.append(self.window.run(None, inputs)[0])
        return np.concatenate(found)


def wanted_crop(box, meta):
    """Centre and size, (2, ) each, of the crop that a box x1, y1, x2, y2 asks
    for, in pixels of the frame."""
    box = np.array(box, float)
    ratio = meta['input_size'][0] / meta['input_size'][1]
    width, height = (box[2:] - box[:2]) * meta['bbox_padding']
    return (box[:2] + box[2:]) / 2, np.array(
        [max(width, height * ratio),
         max(height, width / ratio)])


def cut_out(image, crop, meta):
    """A crop as the graphs take it, (H, W, 3), uint8, BGR."""
    (cx, cy), (width, height) = crop
    out_width, out_height = meta['input_size']
    if meta['use_udp']:
        sx, sy = (out_width - 1) / width, (out_height - 1) / height
        matrix = [[sx, 0, (width / 2 - cx) * sx],
                  [0, sy, (height / 2 - cy) * sy]]
    else:
        s = out_width / width
        matrix = [[s, 0, out_width / 2 - s * cx],
                  [0, s, out_height / 2 - s * cy]]
    return cv2.warpAffine(
        image,
        np.float32(matrix), (out_width, out_height),
        flags=cv2.INTER_LINEAR)


def blur(heatmap, size):
    """A heatmap, smoothed by a Gaussian, with the same maximum."""
    blurred = cv2.GaussianBlur(
        cv2.copyMakeBorder(heatmap, *[size // 2] * 4, cv2.BORDER_CONSTANT),
        (size, size), 0)[size // 2:-(size // 2), size // 2:-(size // 2)]
    return blurred * (heatmap.max() / blurred.max())


def newton_step(gradient, hessian):
    """To the extremum of the parabola; nothing where there is none."""
    if np.linalg.det(hessian) == 0:
        return np.zeros(2)
    return -np.linalg.inv(hessian) @ gradient


def refine_udp(heatmap, x, y, size):
    """Sub-cell step from the maximum: DARK as UDP has it, (2, )."""
    log = np.log(np.clip(blur(heatmap, size), 1e-3, 50))
    # the neighbourhood, edge cells repeated
    f = np.pad(log, 1, mode='edge')[y:y + 3, x:x + 3].astype(float)
    gradient = np.array([f[1, 2] - f[1, 0], f[2, 1] - f[0, 1]]) / 2
    dxx = f[1, 2] - 2 * f[1, 1] + f[1, 0]
    dyy = f[2, 1] - 2 * f[1, 1] + f[0, 1]
    dxy = (f[2, 2] - f[1, 2] - f[2, 1] + 2 * f[1, 1] - f[1, 0] - f[0, 1] +
           f[0, 0]) / 2
    hessian = np.array([[dxx, dxy], [dxy, dyy]])
    return newton_step(gradient, hessian + np.finfo('f4').eps * np.eye(2))


def refine_dark(heatmap, x, y, size):
    """Sub-cell step from the maximum: DARK, (2, )."""
    height, width = heatmap.shape
    if not (1 < x < width - 2 and 1 < y < height - 2):
        return np.zeros(2)
    log = np.log(np.maximum(blur(heatmap, size), 1e-10))
    f = log[y - 2:y + 3, x - 2:x + 3].astype(float)
    gradient = np.array([f[2, 3] - f[2, 1], f[3, 2] - f[1, 2]]) / 2
    dxx = (f[2, 4] - 2 * f[2, 2] + f[2, 0]) / 4
    dyy = (f[4, 2] - 2 * f[2, 2] + f[0, 2]) / 4
    dxy = (f[3, 3] - f[1, 3] - f[3, 1] + f[1, 1]) / 4
    return newton_step(gradient, np.array([[dxx, dxy], [dxy, dyy]]))


def refine_quarter(heatmap, x, y):
    """A quarter of a cell from the maximum to its higher neighbour, (2, )."""
    height, width = heatmap.shape
    step = np.zeros(2)
    if 1 < x < width - 1 and y > 0:
        step[0] = np.sign(heatmap[y, x + 1] - heatmap[y, x - 1]) / 4
    if 1 < y < height - 1 and x > 0:
        step[1] = np.sign(heatmap[y + 1, x] - heatmap[y - 1, x]) / 4
    return step


def decode(heatmaps, crop, meta):
    """Keypoints (K, 2) in pixels of the frame and scores (K, ) of a person's
    heatmaps (K, h, w) of a crop."""
    codec = meta['codec']
    height, width = heatmaps.shape[1:]
    cells, scores = [], []
    for heatmap in heatmaps:
        y, x = np.unravel_index(heatmap.argmax(), heatmap.shape)
        scores.append(heatmap[y, x])
        if heatmap[y, x] <= 0:
            cells.append((-1, -1))
            continue
        if codec['type'] == 'UDPHeatmap':
            step = refine_udp(heatmap, x, y, codec['blur_kernel_size'])
        elif codec['unbiased']:
            step = refine_dark(heatmap, x, y, codec['blur_kernel_size'])
        else:
            step = refine_quarter(heatmap, x, y)
        cells.append((x, y) + step)
    # share of the crop
    last = (1, 1) if codec['type'] == 'UDPHeatmap' else (0, 0)
    share = np.array(cells) / (np.array([width, height]) - last)
    center, scale = crop
    scores = np.array(scores)
    if meta['max_score'] is not None:
        scores = np.minimum(scores, meta['max_score'])
    return share * scale + center - scale / 2, scores


def keeps(crop, wanted):
    """Whether a crop serves a frame whose box asks for another."""
    (center, scale), (new_center, new_scale) = crop, wanted
    ratio = new_scale[1] / scale[1]
    return (np.abs((new_center - center) / scale).max() <= MAX_SHIFT + 1e-6
            and max(ratio, 1 / ratio) <= MAX_SCALE + 1e-6)


def move(maps, source, target, meta, is_mirrored=False):
    """Maps of a crop, (C, h, w) each, as if seen through another crop.

    A cell reads the source, bilinearly, at its own place of the frame;
    outside of the source its border is continued.
    """
    if source is target:
        return maps
    moved = []
    for x in maps:
        for side, axis in ((0, 2), (1, 1)):
            size, cells = meta['input_size'][side], x.shape[axis]
            ratio = target[1][side] / source[1][side]
            before, after = (center[side] - scale[side] / 2
                             for center, scale in (source, target))
            shift = (after - before) * (size - meta['use_udp'])
            shift /= source[1][side]
            if is_mirrored and side == 0:
                shift = (size - 1) * (1 - ratio) - shift
            read = ratio * np.arange(cells) + shift * cells / size
            read = np.clip(read, 0, cells - 1)
            low = read.astype(int)
            share = np.float32(read - low).reshape(
                [-1 if i == axis else 1 for i in range(3)])
            x = (
                x.take(low, axis) * (1 - share) +
                x.take(np.minimum(low + 1, cells - 1), axis) * share)
        moved.append(x)
    return moved


class StreamingPoses:
    """Poses of tracked persons, frame by frame.

    A frame's poses come when the last frame of its window is there.
    """

    def __init__(self, graphs):
        self.graphs = graphs
        self.meta = graphs.meta
        self.offsets = self.meta['offsets']
        self.passes = 0
        self._count = self._next = 0
        # by frame: its image, and what each track's person is seen through
        self._images, self._crops = {}, {}
        # by frame and track: maps of the crop and of its mirror image
        self._maps = {}
        # by track: the crop in use and the last frame with a box
        self._current = {}

    def add(self, image, boxes):
        """Take in the next frame and its boxes x1, y1, x2, y2 by track id.

        Yields:
            tuple: A frame's index, image and poses: by track id keypoints
            (K, 2) and scores (K, ).
        """
        key, self._count = self._count, self._count + 1
        span = self.offsets[-1] - self.offsets[0]
        # a track whose last window shares no frame with this one's starts anew
        self._current = {
            track: (crop, last)
            for track, (crop, last) in self._current.items()
            if key - last <= span
        }
        crops = {}
        for track, box in boxes.items():
            wanted = wanted_crop(box, self.meta)
            crop, last = self._current.get(track, (wanted, key))
            is_kept = (
                last // RENEWAL == key // RENEWAL and keeps(crop, wanted))
            crops[track] = crop if is_kept else wanted
            self._current[track] = crops[track], key
        self._images[key], self._crops[key] = image, (crops, dict(crops))
        while self._next + self.offsets[-1] < self._count:
            yield self._finish()

    def end(self):
        """The frames that are left when there are no more; as :meth:`add`."""
        while self._next < self._count:
            yield self._finish()

    def _frame(self, key, index):
        """The existing frame for one of a key frame's window."""
        last = self._count - 1
        if 0 <= index <= last:
            return index
        if self.meta['padding'] == 'key_frame' or (
                self.meta['padding'] == 'released' and index < 0):
            return key
        return min(max(index, 0), last)

    def _finish(self):
        """Poses in the next frame."""
        key, self._next = self._next, self._next + 1
        window = [self._frame(key, key + offset) for offset in self.offsets]
        persons, _ = self._crops[key]
        # a frame without a box is seen as the first window has it
        for index in window:
            for track, crop in persons.items():
                self._crops[index][1].setdefault(track, crop)
        poses = {}
        if persons:
            self._encode([(index, track) for track in persons
                          for index in dict.fromkeys(window)])
            heatmaps = self._heatmaps(persons, window)
            for (track, crop), maps in zip(persons.items(), heatmaps):
                poses[track] = decode(maps, crop, self.meta)
        image = self._images[key]
        oldest = self._next + min(self.offsets[0], 0)
        for index in [i for i in self._images if i < oldest]:
            del self._images[index], self._crops[index]
        for index, track in [k for k in self._maps if k[0] < oldest]:
            del self._maps[index, track]
        return key, image, poses

    def _encode(self, keys):
        """Run the frame graph on what has not been through it."""
        missing = [key for key in keys if key not in self._maps]
        if not missing:
            return
        crops = np.stack([
            cut_out(self._images[index], self._crops[index][1][track],
                    self.meta) for index, track in missing
        ])
        self.passes += len(missing)
        maps = mirrored = self.graphs.encode(crops)
        if self.meta['flip_test']:
            mirrored = self.graphs.encode(crops[:, :, ::-1])
        self._maps.update(zip(missing, zip(maps, mirrored)))

    def _heatmaps(self, persons, window):
        """Heatmaps of all persons, (B, K, h, w)."""

        def heatmaps(is_mirrored):
            return self.graphs.heatmaps([[
                move(self._maps[index, track][is_mirrored],
                     self._crops[index][1][track], crop, self.meta,
                     is_mirrored) for index in window
            ] for track, crop in persons.items()])

        found = heatmaps(False)
        if not self.meta['flip_test']:
            return found
        mirrored = heatmaps(True)[:, self.meta['flip_indices'], :, ::-1].copy()
        if self.meta['shift_heatmap']:
            mirrored[..., 1:] = mirrored[..., :-1].copy()
        return (found + mirrored) / 2


def read_boxes(path):
    """Boxes x1, y1, x2, y2 by frame index and track id."""
    found = defaultdict(dict)
    for entry in json.loads(Path(path).read_text(encoding='utf-8')):
        boxes = found[int(entry['image_id'])]
        track = entry.get('track_id', 0)
        if track in boxes:
            raise ValueError(
                f'{path}: frame {entry["image_id"]} has several boxes of '
                f'track_id {entry.get("track_id")}: expected one each')
        x, y, width, height = entry['bbox']
        if not (math.isfinite(x + y) and 0 < width < math.inf
                and 0 < height < math.inf):
            raise ValueError(f'{path}: frame {entry["image_id"]}: bbox must '
                             'be [x, y, width, height] with an area, got '
                             f'{entry["bbox"]}')
        boxes[track] = (x, y, x + width, y + height)
    return found


def draw(image, poses, meta, threshold):
    """A copy of a frame with skeletons and ids."""
    image = image.copy()
    for track, (keypoints, scores) in poses.items():
        colour = COLOURS[int(track) % len(COLOURS)]
        seen = scores >= threshold
        places = [tuple(map(int, p.round())) for p in keypoints]
        for a, b in meta['skeleton']:
            if seen[a] and seen[b]:
                cv2.line(image, places[a], places[b], colour, 2, cv2.LINE_AA)
        for place, is_seen in zip(places, seen):
            if is_seen:
                cv2.circle(image, place, 3, colour, -1, cv2.LINE_AA)
        if seen.any():
            x, y = keypoints[seen].min(axis=0)
            cv2.putText(image, str(track), (int(x), int(y) - 6),
                        cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, 1, cv2.LINE_AA)
    return image


def read_frames(path):
    """The frames of a video, and their rate."""
    video = cv2.VideoCapture(str(path))
    if not video.isOpened():
        raise ValueError(f'{path} does not exist or is no video')

    def frames():
        while True:
            is_good, image = video.read()
            if not is_good:
                video.release()
                return
            yield image

    return frames(), video.get(cv2.CAP_PROP_FPS) or 25


def run(args):
    """Everything; returns the graphs' streaming state for its counts."""
    for path in filter(None, (args.out_video, args.out_json)):
        if os.path.lexists(path):
            raise ValueError(f'{path} is there and is not overwritten: move '
                             'it away or choose another place')
    graphs = Graphs(args.graphs, args.batch_size, args.threads)
    boxes = read_boxes(args.boxes) if args.boxes else None
    streaming = StreamingPoses(graphs)
    frames, fps = read_frames(args.video)
    results, writer = [], None
    # written beside their places, and put there when they are whole
    partial = args.out_video and args.out_video.with_name(
        f'.partial-{args.out_video.name}')

    def poses_of_frames():
        for index, image in enumerate(frames):
            height, width = image.shape[:2]
            whole = {0: (0, 0, width, height)}
            yield from streaming.add(
                image, whole if boxes is None else boxes.get(index, {}))
        yield from streaming.end()

    for index, image, poses in poses_of_frames():
        persons = [
            dict(
                track_id=track,
                keypoints=keypoints.round(3).tolist(),
                keypoint_scores=scores.astype(float).round(5).tolist())
            for track, (keypoints, scores) in poses.items()
        ]
        results.append(dict(frame=index, persons=persons))
        if args.out_video:
            if writer is None:
                writer = cv2.VideoWriter(
                    str(partial), cv2.VideoWriter_fourcc(*'mp4v'), fps,
                    image.shape[1::-1])
            writer.write(draw(image, poses, graphs.meta, args.kpt_thr))
    if writer is not None:
        writer.release()
    unknown = sorted(set(boxes or ()) - set(range(len(results))))
    if unknown:
        if writer is not None:
            partial.unlink()
        raise ValueError(
            f'{args.boxes}: image_id must be the index of a frame, below '
            f'{len(results)} in {args.video}, got {unknown[:3]}')
    if writer is not None:
        os.replace(partial, args.out_video)
    if args.out_json:
        partial = args.out_json.with_name(f'.partial-{args.out_json.name}')
        content = {
            'keypoint_names': graphs.meta['keypoint_names'],
            'frames': results
        }
        partial.write_text(json.dumps(content), encoding='utf-8')
        os.replace(partial, args.out_json)
    num_poses = sum(len(frame['persons']) for frame in results)
    print(f'{num_poses} poses in {len(results)} frames, '
          f'{streaming.passes} crops through the frame graph')
    return streaming


def parse_args(args=None):
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('video')
    parser.add_argument(
        '--graphs',
        type=Path,
        required=True,
        help='folder with frame.onnx and window.onnx')
    parser.add_argument('--boxes', type=Path, help='json of boxes')
    parser.add_argument('--out-video', type=Path)
    parser.add_argument('--out-json', type=Path)
    parser.add_argument('--kpt-thr', type=float, default=0.3)
    parser.add_argument('--batch-size', type=int, default=4)
    parser.add_argument(
        '--threads', type=int, default=0, help="default: ONNX Runtime's")
    return parser.parse_args(args)


def main():
    try:
        run(parse_args())
    except (OSError, ValueError) as error:
        raise SystemExit(f'error: {error}') from error


if __name__ == '__main__':
    main()
