// What is shown, and the poses. `pos` counts the frames of the page from 0;
// data.index[pos] is the frame's index in the video.
const data = JSON.parse(document.getElementById('data').textContent);
const meta = data.meta;
const times = data.times;
const joints = meta.keypoint_names;
const tracks = data.tracks.map(([id, first, last, count]) => ({
  id, first, last, count,
  // mean score of the keypoints at first, first + 1, ...; NaN where absent
  confidence: new Float32Array(last - first + 1).fill(NaN),
  mean: 0,
}));
const trackById = new Map(tracks.map((track) => [track.id, track]));
const state = {
  pos: 0, playing: false, hover: null, chosen: null, joint: 0,
  threshold: data.kpt_thr, speed: 1,
  show: {skeleton: true, boxes: true, ids: true, trails: true,
         confidence: false},
};

const byId = (id) => document.getElementById(id);
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const colourOf = (id) => {
  const count = data.id_colours.length;
  const [r, g, b] = data.id_colours[((id % count) + count) % count];
  return `rgb(${r} ${g} ${b})`;
};

// A person: [id, x, y, w, h, box score, source, x0, y0, s0, x1, y1, s1, ...]
const OFFSET = 7;
const personsAt = (pos) => data.frames[pos] || [];
const personOf = (pos, id) => personsAt(pos).find((p) => p[0] === id);
const scoreOf = (person, joint) => person[OFFSET + 3 * joint + 2];
const meanScore = (person) => {
  let sum = 0;
  for (let k = 0; k < joints.length; k++) sum += scoreOf(person, k);
  return sum / joints.length;
};

(function summarize() {
  const sums = new Map(tracks.map((track) => [track.id, [0, 0]]));
  data.frames.forEach((persons, pos) => {
    for (const person of persons || []) {
      const track = trackById.get(person[0]);
      const score = meanScore(person);
      track.confidence[pos - track.first] = score;
      const sum = sums.get(track.id);
      sum[0] += score;
      sum[1] += 1;
    }
  });
  for (const track of tracks) {
    const [sum, count] = sums.get(track.id);
    track.mean = count ? sum / count : NaN;
  }
})();

// Of a page that holds every n-th frame only, the frame before `pos` it holds
const heldFrame = (pos) => pos - pos % data.step;

const views = [];
let scheduled = false;
function update() {
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(() => {
    scheduled = false;
    for (const view of views) view();
  });
}

// The frame that is shown at a time
function posAt(time) {
  let low = 0;
  let high = times.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (times[middle] <= time + 1e-4) low = middle; else high = middle - 1;
  }
  return low;
}

// Fit a canvas to its place on the screen; returns its context, in CSS pixels
function prepare(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  const w = Math.max(1, Math.round(width * ratio));
  const h = Math.max(1, Math.round(height * ratio));
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
  }
  const context = canvas.getContext('2d');
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

const cssColour = (name) =>
  getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function alertUser(text) {
  byId('alert').textContent = text;
  byId('alert').hidden = false;
}
