// The table of tracks, controls, keys, and the start.
const tableRows = new Map();

function fillTable() {
  const body = document.querySelector('#tracks tbody');
  for (const track of tracks) {
    const row = body.insertRow();
    const id = row.insertCell();
    const swatch = document.createElement('span');
    swatch.className = 'swatch';
    swatch.style.background = colourOf(track.id);
    id.append(swatch, `${track.id}`);
    for (const text of [track.count, data.index[track.first],
      data.index[track.last],
      Number.isNaN(track.mean) ? '–' : track.mean.toFixed(2)]) {
      row.insertCell().textContent = `${text}`;
    }
    row.addEventListener('mouseenter', () => {
      state.hover = track.id;
      update();
    });
    row.addEventListener('mouseleave', () => {
      state.hover = null;
      update();
    });
    row.addEventListener('click', () => choose(track.id));
    row.addEventListener('dblclick', () => {
      pause();
      goTo(track.first);
    });
    tableRows.set(track.id, row);
  }
}

function choose(id) {
  state.chosen = id;
  if (id !== null) {
    chartTrack.value = `${id}`;
    const row = tableRows.get(id);
    if (row) row.scrollIntoView({block: 'nearest'});
  }
  update();
}

function chooseNext(count) {
  if (!tracks.length) return;
  const now = tracks.findIndex((track) => track.id === state.chosen);
  const next = now < 0 ? 0 : clamp(now + count, 0, tracks.length - 1);
  choose(tracks[next].id);
}

function refresh() {
  byId('seek').value = state.pos;
  byId('play').textContent = state.playing ? '❚❚' : '▶';
  const count = personsAt(heldFrame(state.pos)).length;
  byId('clock').textContent = `frame ${data.index[state.pos]} · `
    + `${clockText(times[state.pos], 2)} · ${state.pos + 1} of `
    + `${times.length} · ${count} ${count === 1 ? 'person' : 'people'}`;
  byId('threshold-value').textContent = state.threshold.toFixed(2);
  const present = new Set(personsAt(heldFrame(state.pos)).map((p) => p[0]));
  for (const [id, row] of tableRows) {
    row.className = (id === state.chosen ? 'chosen '
      : id === state.hover ? 'hover ' : '')
      + (present.has(id) ? '' : 'absent');
  }
}
views.push(refresh);

function toggle(name) {
  state.show[name] = !state.show[name];
  byId(`show-${name}`).checked = state.show[name];
  update();
}

const keys = {
  ' ': () => togglePlay(),
  ArrowLeft: (event) => step(event.shiftKey ? -10 : -1),
  ArrowRight: (event) => step(event.shiftKey ? 10 : 1),
  Home: () => step(-times.length),
  End: () => step(times.length),
  ArrowUp: () => chooseNext(-1),
  ArrowDown: () => chooseNext(1),
  Escape: () => choose(null),
  s: () => toggle('skeleton'),
  b: () => toggle('boxes'),
  i: () => toggle('ids'),
  t: () => toggle('trails'),
  c: () => toggle('confidence'),
};
addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const action = keys[event.key.length === 1
    ? event.key.toLowerCase() : event.key];
  if (!action || event.target.tagName === 'SELECT') return;
  event.preventDefault();
  // a button that has the focus would be pressed by the space bar as well
  if (event.target.tagName === 'BUTTON') event.target.blur();
  action(event);
});

for (const name of Object.keys(state.show)) {
  byId(`show-${name}`).addEventListener('change', () => toggle(name));
}
byId('play').addEventListener('click', togglePlay);
byId('back').addEventListener('click', () => step(-1));
byId('forward').addEventListener('click', () => step(1));
byId('first').addEventListener('click', () => step(-times.length));
byId('last').addEventListener('click', () => step(times.length));
byId('seek').addEventListener('input', (event) => {
  pause();
  goTo(Number(event.target.value));
});
byId('speed').addEventListener('change', (event) => {
  state.speed = Number(event.target.value);
  clockStart = null;
  if (videoWorks) video.playbackRate = state.speed;
});
byId('threshold').addEventListener('input', (event) => {
  state.threshold = Number(event.target.value);
  update();
});

function setTheme(dark) {
  document.documentElement.dataset.theme = dark ? 'dark' : 'light';
  update();
}
const prefersDark = matchMedia('(prefers-color-scheme: dark)');
prefersDark.addEventListener('change', () => setTheme(prefersDark.matches));
byId('theme').addEventListener('click', () =>
  setTheme(document.documentElement.dataset.theme !== 'dark'));

addEventListener('resize', () => {
  fitStage();
  update();
});

// The address may say what to show: #frame=12&track=3&joint=nose&theme=dark
function openAddress() {
  const asked = new URLSearchParams(location.hash.slice(1));
  if (asked.has('theme')) setTheme(asked.get('theme') === 'dark');
  const joint = joints.indexOf(asked.get('joint'));
  if (joint >= 0) state.joint = joint;
  chartJoint.value = `${state.joint}`;
  const track = Number(asked.get('track'));
  if (asked.has('track') && trackById.has(track)) choose(track);
  const frame = data.index.indexOf(Number(asked.get('frame')));
  if (asked.has('frame') && frame >= 0) goTo(frame);
}

setTheme(prefersDark.matches);
fillTable();
byId('seek').max = times.length - 1;
byId('threshold').value = state.threshold;
fitStage();
openAddress();
addEventListener('hashchange', openAddress);
if (data.step > 1) {
  alertUser(`This page holds every ${data.step}. frame's poses; the result `
    + 'files hold all.');
}
for (const view of views) view();
document.body.dataset.ready = 'true';
