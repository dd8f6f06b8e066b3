// x, y and score of a joint of the chosen track over time.
const chart = byId('chart');
const chartTrack = byId('chart-track');
const chartJoint = byId('chart-joint');
const CHART_HEIGHT = 300;

function charted() {
  const id = Number(chartTrack.value);
  return trackById.get(id);
}

function jointSeries(track, joint) {
  const points = [];
  for (let pos = track.first; pos <= track.last; pos++) {
    const person = personOf(pos, track.id);
    if (person) {
      const at = OFFSET + 3 * joint;
      points.push([pos, person[at], person[at + 1], person[at + 2]]);
    }
  }
  return points;
}

let seriesKey = '';
let series = [];
function currentSeries(track) {
  const key = `${track.id}/${state.joint}`;
  if (key !== seriesKey) {
    series = jointSeries(track, state.joint);
    seriesKey = key;
  }
  return series;
}

function drawChart() {
  const width = chart.parentElement.clientWidth - 26;
  const context = prepare(chart, width, CHART_HEIGHT);
  const track = charted();
  if (!track) return;
  const points = currentSeries(track);
  context.font = '12px system-ui, sans-serif';
  const inner = width - GUTTER - 6;
  drawTimeAxis(context, GUTTER, inner, AXIS, CHART_HEIGHT);
  const room = (CHART_HEIGHT - AXIS) / 3;
  const lines = [['x', 1, '--x'], ['y', 2, '--y'], ['score', 3, '--score']];
  lines.forEach(([name, column, colour], i) => {
    drawLine(context, points, column, cssColour(colour), name,
      AXIS + i * room + 6, room - 12, inner);
  });
  const x = timelineX(state.pos, width);
  context.strokeStyle = cssColour('--ink');
  context.lineWidth = 1.5;
  context.beginPath();
  context.moveTo(x, AXIS - 4);
  context.lineTo(x, CHART_HEIGHT);
  context.stroke();
  const person = personOf(heldFrame(state.pos), track.id);
  const at = OFFSET + 3 * state.joint;
  byId('chart-values').textContent = person
    ? `x ${person[at].toFixed(1)}  y ${person[at + 1].toFixed(1)}  `
      + `score ${person[at + 2].toFixed(2)}`
    : 'not in this frame';
}
views.push(drawChart);

function drawLine(context, points, column, colour, name, top, height, inner) {
  const values = points.map((point) => point[column]);
  let low = column === 3 ? 0 : values.reduce((a, b) => Math.min(a, b), 1e9);
  let high = values.reduce((a, b) => Math.max(a, b), column === 3 ? 1 : -1e9);
  if (high - low < 1) {
    if (column !== 3) {
      low -= 1;
      high += 1;
    }
  }
  const y = (value) => top + height * (1 - (value - low) / (high - low));
  const x = (pos) => GUTTER + (pos + 0.5) / times.length * inner;
  context.fillStyle = cssColour('--soft');
  context.textAlign = 'right';
  context.textBaseline = 'middle';
  const digits = column === 3 ? 1 : 0;
  context.fillText(high.toFixed(digits), GUTTER - 6, top + 5);
  context.fillText(low.toFixed(digits), GUTTER - 6, top + height - 5);
  context.strokeStyle = cssColour('--line');
  context.lineWidth = 1;
  context.strokeRect(GUTTER, top, inner, height);
  context.fillStyle = colour;
  context.fillText(name, GUTTER - 6, top + height / 2);
  let before = null;
  for (const point of points) {
    const here = [x(point[0]), y(point[column])];
    const weak = point[3] < state.threshold;
    context.globalAlpha = weak && column !== 3 ? 0.3 : 1;
    context.strokeStyle = colour;
    context.lineWidth = 1.6;
    if (before && point[0] - before[0] <= data.step) {
      context.beginPath();
      context.moveTo(...before[1]);
      context.lineTo(...here);
      context.stroke();
    }
    if (inner / times.length > 5) {
      context.beginPath();
      context.arc(...here, 2, 0, 2 * Math.PI);
      context.fill();
    }
    before = [point[0], here];
  }
  context.globalAlpha = 1;
}

chartJoint.append(...joints.map((name, k) => new Option(name, k)));
chartTrack.append(...tracks.map((track) =>
  new Option(`${track.id}`, track.id)));
chartJoint.addEventListener('change', () => {
  state.joint = Number(chartJoint.value);
  update();
});
chartTrack.addEventListener('change', () => choose(Number(chartTrack.value)));
chart.addEventListener('mousedown', (event) => {
  const bounds = chart.getBoundingClientRect();
  pause();
  goTo(Math.floor((event.clientX - bounds.left - GUTTER)
    / (bounds.width - GUTTER - 6) * times.length));
});
