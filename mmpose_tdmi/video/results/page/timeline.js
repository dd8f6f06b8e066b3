// A row per track over the frames of the video.
const timeline = byId('timeline');
const ROW = 16;
const GUTTER = 46;
const AXIS = 20;
// a canvas cannot be of any height
const rows = tracks.slice(0, 1500);

const timelineX = (pos, width) =>
  GUTTER + (pos + 0.5) / times.length * (width - GUTTER - 6);

function drawTimeline() {
  const width = timeline.parentElement.clientWidth;
  const height = AXIS + ROW * rows.length + 4;
  timeline.style.height = `${height}px`;
  const context = prepare(timeline, width, height);
  const inner = width - GUTTER - 6;
  context.font = '12px system-ui, sans-serif';
  context.textBaseline = 'middle';
  drawTimeAxis(context, GUTTER, inner, AXIS, height);
  rows.forEach((track, row) => {
    const y = AXIS + row * ROW;
    const marked = track.id === state.hover || track.id === state.chosen;
    if (marked) {
      context.fillStyle = cssColour('--chosen');
      context.fillRect(0, y, width, ROW);
    }
    context.fillStyle = cssColour(marked ? '--ink' : '--soft');
    context.textAlign = 'right';
    context.fillText(`${track.id}`, GUTTER - 8, y + ROW / 2 + 1);
    drawRow(context, track, y, inner);
  });
  const x = timelineX(state.pos, width);
  context.strokeStyle = cssColour('--ink');
  context.lineWidth = 1.5;
  context.beginPath();
  context.moveTo(x, 0);
  context.lineTo(x, height);
  context.stroke();
}

// One bar per pixel column at most
function drawRow(context, track, y, inner) {
  const cell = inner / times.length;
  const wide = Math.max(1, Math.ceil(1 / cell));
  context.fillStyle = colourOf(track.id);
  for (let i = 0; i < track.confidence.length; i += wide) {
    let sum = 0;
    let count = 0;
    for (let j = i; j < Math.min(i + wide, track.confidence.length); j++) {
      const score = track.confidence[j];
      if (!Number.isNaN(score)) {
        sum += score;
        count += 1;
      }
    }
    if (!count) continue;
    context.globalAlpha = 0.25 + 0.75 * clamp(sum / count, 0, 1);
    context.fillRect(GUTTER + (track.first + i) * cell, y + 3,
      cell * wide * data.step + 0.3, ROW - 6);
  }
  context.globalAlpha = 1;
}

// Seconds along the top, with lines down. Frames are equally wide; in a video
// of variable rate seconds are not.
function drawTimeAxis(context, left, inner, top, bottom) {
  const start = times[0];
  const length = times[times.length - 1] - start + 1 / meta.fps;
  const steps = [0.04, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1200,
    3600];
  const every = steps.find((value) => inner * value / length >= 70) || 7200;
  context.strokeStyle = cssColour('--line');
  context.fillStyle = cssColour('--soft');
  context.textAlign = 'center';
  context.lineWidth = 1;
  let labelled = -Infinity;
  for (let i = 0; i * every < length; i++) {
    const x = left + placeOf(start + i * every) / times.length * inner;
    context.beginPath();
    context.moveTo(x, top - 4);
    context.lineTo(x, bottom);
    context.stroke();
    if (x - labelled < 56) continue;
    labelled = x;
    context.fillText(clockText(start + i * every, every < 1 ? 2 : 0),
      clamp(x, left + 14, left + inner - 14), top / 2 - 1);
  }
}

// How many frames, in parts of one, are before a time
function placeOf(time) {
  const pos = posAt(time);
  const next = pos + 1 < times.length ? times[pos + 1]
    : times[pos] + 1 / meta.fps;
  return pos + clamp((time - times[pos]) / (next - times[pos]), 0, 1);
}

function clockText(time, digits) {
  const minutes = Math.floor(time / 60);
  const seconds = (time - 60 * minutes).toFixed(digits);
  return `${minutes}:${seconds.padStart(digits ? 3 + digits : 2, '0')}`;
}
views.push(drawTimeline);

function timelineTarget(event) {
  const bounds = timeline.getBoundingClientRect();
  const x = (event.clientX - bounds.left - GUTTER)
    / (bounds.width - GUTTER - 6);
  const row = Math.floor((event.clientY - bounds.top - AXIS) / ROW);
  return {pos: Math.floor(x * times.length), track: rows[row]};
}
timeline.addEventListener('mousemove', (event) => {
  const {pos, track} = timelineTarget(event);
  state.hover = track ? track.id : null;
  if (event.buttons & 1) {
    pause();
    goTo(pos);
  }
  update();
});
timeline.addEventListener('mousedown', (event) => {
  const {pos, track} = timelineTarget(event);
  pause();
  goTo(pos);
  if (track) choose(track.id);
});
timeline.addEventListener('mouseleave', () => {
  state.hover = null;
  update();
});
