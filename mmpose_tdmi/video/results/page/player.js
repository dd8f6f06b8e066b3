// Playing and stepping. The video shows what it is told; without one that can
// be played a clock of our own moves on.
const video = byId('video');
let videoWorks = Boolean(video);
let clockStart = null;

function show(pos) {
  state.pos = clamp(pos, 0, times.length - 1);
  update();
}

// Go to a frame; the video is set into the middle of its time
function goTo(pos) {
  show(pos);
  clockStart = null;
  if (!videoWorks) return;
  const here = times[state.pos];
  const next = state.pos + 1 < times.length
    ? times[state.pos + 1] : here + 1 / meta.fps;
  video.currentTime = here + Math.min(next - here, 1 / meta.fps) / 2;
}

function pause() {
  state.playing = false;
  if (videoWorks) video.pause();
  update();
}

function play() {
  if (times.length < 2) return;
  if (state.pos === times.length - 1) goTo(0);
  state.playing = true;
  clockStart = null;
  if (videoWorks) {
    video.playbackRate = state.speed;
    video.play().catch(() => pause());
  } else {
    requestAnimationFrame(tick);
  }
  update();
}

function togglePlay() {
  if (state.playing) pause(); else play();
}

function step(count) {
  pause();
  goTo(state.pos + count);
}

function tick(now) {
  if (!state.playing || videoWorks) return;
  if (clockStart === null) clockStart = [now, times[state.pos]];
  const time = clockStart[1] + (now - clockStart[0]) / 1000 * state.speed;
  show(posAt(time));
  if (state.pos === times.length - 1) pause();
  else requestAnimationFrame(tick);
}

function withoutVideo() {
  if (!videoWorks) return;
  videoWorks = false;
  video.hidden = true;
  pause();
  alertUser('The video cannot be played here; the poses are drawn without '
    + 'it.');
}

if (video) {
  if (video.requestVideoFrameCallback) {
    const follow = (_, frame) => {
      if (state.playing) show(posAt(frame.mediaTime));
      video.requestVideoFrameCallback(follow);
    };
    video.requestVideoFrameCallback(follow);
  } else {
    const follow = () => {
      if (state.playing && videoWorks) show(posAt(video.currentTime));
      requestAnimationFrame(follow);
    };
    requestAnimationFrame(follow);
  }
  video.addEventListener('ended', () => {
    pause();
    show(times.length - 1);
  });
  video.addEventListener('error', withoutVideo);
  if (video.error) withoutVideo();
}
