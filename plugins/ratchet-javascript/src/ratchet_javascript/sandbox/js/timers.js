// Timers: they fire while the promise that a script returned is awaited.

const { primordials } = shared;
const timers = new Map();
let timerCount = 0;

function addTimer(callback, delay, args, repeats) {
  if (typeof callback !== "function") throw new TypeError("a timer needs a function");
  const wait = Math.max(0, Math.min(Number(delay) || 0, 2147483647));
  timerCount += 1;
  timers.set(timerCount, { callback, args, wait, repeats, due: primordials.now() + wait });
  return timerCount;
}

// The timer that is due next; of two that are due at the same time, the older one.
function nextTimer() {
  let first = null;
  for (const [id, timer] of timers) {
    if (first === null || timer.due < timers.get(first).due) first = id;
  }
  return first;
}

function fire(id) {
  const timer = timers.get(id);
  if (timer.repeats) timer.due = primordials.now() + Math.max(1, timer.wait);
  else timers.delete(id);
  timer.callback(...timer.args);
}

return {
  setTimeout: (callback, delay, ...args) => addTimer(callback, delay, args, false),
  setInterval: (callback, delay, ...args) => addTimer(callback, delay, args, true),
  clearTimeout: (id) => { timers.delete(id); },
  clearInterval: (id) => { timers.delete(id); },

  // Fires the timer that is due. Returns milliseconds until one is, -2 when there is none.
  tick() {
    const id = nextTimer();
    if (id === null) return -2;
    const wait = timers.get(id).due - primordials.now();
    if (wait > 0) return wait;
    fire(id);
    return 0;
  },
};
