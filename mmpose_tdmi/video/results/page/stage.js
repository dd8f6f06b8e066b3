// The video with the poses drawn over it.
const stage = byId('stage');
const overlay = byId('overlay');
const tip = byId('tip');

function fitStage() {
  const room = stage.parentElement.clientWidth - 26;
  const ratio = meta.width / meta.height;
  const height = Math.min(room / ratio, Math.max(260, innerHeight * 0.66));
  stage.style.height = `${Math.round(height)}px`;
  stage.style.width = `${Math.round(height * ratio)}px`;
}

// From pixels of the frame to those of the stage. A frame of another size
// than the video's is shown with bars.
function frameToStage(pos) {
  const [width, height] = data.sizes[pos] || [meta.width, meta.height];
  const zoom = stage.clientWidth / meta.width;
  const scale = Math.min(meta.width / width, meta.height / height);
  return {
    scale: scale * zoom,
    x: (meta.width - width * scale) / 2 * zoom,
    y: (meta.height - height * scale) / 2 * zoom,
  };
}

function confidenceColour(score) {
  return `hsl(${Math.round(clamp(score, 0, 1) * 130)} 90% 52%)`;
}

function drawPerson(context, person, scale, faded) {
  const colour = colourOf(person[0]);
  const marked = person[0] === state.hover || person[0] === state.chosen;
  const unit = clamp(stage.clientHeight / 360, 1, 3);
  context.globalAlpha = faded ? 0.25 : 1;
  if (state.show.boxes || marked) {
    context.strokeStyle = colour;
    context.lineWidth = (marked ? 2.2 : 1.1) * unit;
    context.setLineDash(person[6] === 'carried' ? [5 * unit, 4 * unit] : []);
    context.strokeRect(person[1] * scale, person[2] * scale,
      person[3] * scale, person[4] * scale);
    context.setLineDash([]);
  }
  if (state.show.skeleton) {
    const at = (k) => [person[OFFSET + 3 * k] * scale,
      person[OFFSET + 3 * k + 1] * scale];
    const seen = (k) => scoreOf(person, k) >= state.threshold;
    const paint = (table, i, score) => {
      if (state.show.confidence) return confidenceColour(score);
      return table.length ? `rgb(${table[i].join(' ')})` : colour;
    };
    context.lineCap = 'round';
    context.lineWidth = (marked ? 2.6 : 1.8) * unit;
    meta.skeleton.forEach(([a, b], i) => {
      if (!seen(a) || !seen(b)) return;
      context.strokeStyle = paint(meta.skeleton_colours, i,
        Math.min(scoreOf(person, a), scoreOf(person, b)));
      context.beginPath();
      context.moveTo(...at(a));
      context.lineTo(...at(b));
      context.stroke();
    });
    joints.forEach((_, k) => {
      if (!seen(k)) return;
      context.fillStyle = paint(meta.keypoint_colours, k, scoreOf(person, k));
      context.beginPath();
      context.arc(...at(k), (marked ? 2.6 : 1.9) * unit, 0, 2 * Math.PI);
      context.fill();
    });
  }
  if (state.show.ids) {
    const text = `${person[0]}`;
    context.font = `600 ${Math.round(8 + 3 * unit)}px system-ui, sans-serif`;
    const width = context.measureText(text).width + 8;
    const height = 11 + 3 * unit;
    const x = Math.max(0, person[1] * scale);
    const y = Math.max(0, person[2] * scale);
    context.fillStyle = colour;
    context.fillRect(x, y, width, height);
    context.fillStyle = '#fff';
    context.textBaseline = 'middle';
    context.fillText(text, x + 4, y + height / 2 + 0.5);
  }
  context.globalAlpha = 1;
}

function drawTrail(context, id, pos, scale) {
  const length = Math.round(meta.fps * 1.5);
  let before = null;
  context.strokeStyle = colourOf(id);
  for (let i = Math.max(0, pos - length); i <= pos; i++) {
    const person = personOf(i, id);
    if (!person) continue;
    const point = [(person[1] + person[3] / 2) * scale,
      (person[2] + person[4] / 2) * scale];
    if (before) {
      context.globalAlpha = 0.85 * (1 - (pos - i) / (length + 1));
      context.lineWidth = 2.2;
      context.beginPath();
      context.moveTo(...before);
      context.lineTo(...point);
      context.stroke();
    }
    before = point;
  }
  context.globalAlpha = 1;
}

function drawStage() {
  const pos = heldFrame(state.pos);
  const context = prepare(overlay, stage.clientWidth, stage.clientHeight);
  const place = frameToStage(pos);
  context.translate(place.x, place.y);
  const persons = personsAt(pos);
  if (state.show.trails) {
    for (const person of persons) {
      drawTrail(context, person[0], pos, place.scale);
    }
  }
  const marked = state.hover === null ? state.chosen : state.hover;
  const present = persons.some((person) => person[0] === marked);
  for (const person of persons) {
    drawPerson(context, person, place.scale,
      present && person[0] !== marked);
  }
}
views.push(drawStage);

stage.addEventListener('mousemove', (event) => {
  const pos = heldFrame(state.pos);
  const place = frameToStage(pos);
  const bounds = stage.getBoundingClientRect();
  const x = (event.clientX - bounds.left - place.x) / place.scale;
  const y = (event.clientY - bounds.top - place.y) / place.scale;
  // the smallest box under the pointer is in front
  const hit = personsAt(pos)
    .filter((p) => x >= p[1] && x <= p[1] + p[3] && y >= p[2]
      && y <= p[2] + p[4])
    .sort((a, b) => a[3] * a[4] - b[3] * b[4])[0];
  state.hover = hit ? hit[0] : null;
  tip.hidden = !hit;
  if (hit) {
    tip.textContent = `track ${hit[0]} · box ${hit[5].toFixed(2)} `
      + `${hit[6]} · keypoints ${meanScore(hit).toFixed(2)}`;
    tip.style.left = `${clamp(event.clientX - bounds.left + 14, 0,
      Math.max(0, bounds.width - tip.offsetWidth - 4))}px`;
    tip.style.top = `${clamp(event.clientY - bounds.top + 14, 0,
      Math.max(0, bounds.height - tip.offsetHeight - 4))}px`;
  }
  update();
});
stage.addEventListener('mouseleave', () => {
  state.hover = null;
  tip.hidden = true;
  update();
});
stage.addEventListener('click', () => {
  if (state.hover === null) togglePlay(); else choose(state.hover);
});
