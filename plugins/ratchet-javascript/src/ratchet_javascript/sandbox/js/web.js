// Headers, AbortController, AbortSignal, structuredClone: the parts of the web platform that
// scripts use.

class Headers {
  #values = new Map();

  constructor(init = {}) {
    const pairs = typeof init[Symbol.iterator] === "function" ? init : Object.entries(init);
    for (const [name, value] of pairs) this.append(name, value);
  }
  append(name, value) {
    const key = String(name).toLowerCase();
    this.#values.set(key, this.#values.has(key)
      ? `${this.#values.get(key)}, ${value}` : String(value));
  }
  delete(name) { this.#values.delete(String(name).toLowerCase()); }
  get(name) { return this.#values.get(String(name).toLowerCase()) ?? null; }
  has(name) { return this.#values.has(String(name).toLowerCase()); }
  set(name, value) { this.#values.set(String(name).toLowerCase(), String(value)); }
  forEach(callback) { this.#values.forEach((value, name) => callback(value, name, this)); }
  entries() { return this.#values.entries(); }
  keys() { return this.#values.keys(); }
  values() { return this.#values.values(); }
  [Symbol.iterator]() { return this.entries(); }
}

// fetch blocks, so a signal stops a request before it starts; `timeoutMs` limits it while it runs.
class AbortSignal {
  aborted = false;
  reason = undefined;
  onabort = null;
  #listeners = new Set();

  static abort(reason) {
    const controller = new AbortController();
    controller.abort(reason);
    return controller.signal;
  }
  static timeout(milliseconds) {
    const controller = new AbortController();
    controller.signal.timeoutMs = Number(milliseconds);
    setTimeout(() => controller.abort(
      new DOMException("the operation timed out", "TimeoutError")), milliseconds);
    return controller.signal;
  }
  addEventListener(type, listener) { if (type === "abort") this.#listeners.add(listener); }
  removeEventListener(type, listener) { this.#listeners.delete(listener); }
  throwIfAborted() { if (this.aborted) throw this.reason; }
  dispatchEvent(event) {
    if (this.onabort) this.onabort(event);
    for (const listener of this.#listeners) listener(event);
  }
}

class AbortController {
  signal = new AbortSignal();
  abort(reason) {
    if (this.signal.aborted) return;
    this.signal.aborted = true;
    this.signal.reason = reason === undefined
      ? new DOMException("the operation was aborted", "AbortError") : reason;
    this.signal.dispatchEvent({ type: "abort", target: this.signal });
  }
}

function structuredClone(value, seen = new Map()) {
  if (typeof value === "function" || typeof value === "symbol") {
    throw new DOMException(`${String(value)} could not be cloned`, "DataCloneError");
  }
  if (typeof value !== "object" || value === null) return value;
  if (seen.has(value)) return seen.get(value);
  if (value instanceof Date) return new Date(value);
  if (value instanceof RegExp) return new RegExp(value.source, value.flags);
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return value.slice();
  const copy = value instanceof Map ? new Map() : value instanceof Set ? new Set()
    : Array.isArray(value) ? [] : {};
  seen.set(value, copy);
  const clone = (item) => structuredClone(item, seen);
  if (value instanceof Map) value.forEach((item, key) => copy.set(clone(key), clone(item)));
  else if (value instanceof Set) value.forEach((item) => copy.add(clone(item)));
  else for (const key of Object.keys(value)) copy[key] = clone(value[key]);
  return copy;
}

return {
  Headers, AbortController, AbortSignal, structuredClone: (value) => structuredClone(value),
};
