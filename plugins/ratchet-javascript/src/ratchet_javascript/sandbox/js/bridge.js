// What every script starts with: names of globals whose code is loaded when one is first used, and
// the operations that the host calls. Body of `function (host)`; its value is the last statement's.

const primordials = {
  JSON_parse: JSON.parse,
  JSON_stringify: JSON.stringify,
  Promise,
  String,
  now: performance.now.bind(performance),
};
const fragments = new Map();

const shared = {
  primordials,
  // The error of ours that was made last: a throw at the top level of a script reaches the host
  // as text only, and this finds the object again.
  newestError: null,
  permanentErrors: new WeakSet(),

  isLoaded(name) { return fragments.has(name); },

  use(name) {
    if (!fragments.has(name)) fragments.set(name, host.load(name)(host, shared));
    return fragments.get(name);
  },

  hidden(target, properties) {
    for (const [name, value] of Object.entries(properties)) {
      Object.defineProperty(target, name, {
        value, writable: true, configurable: true, enumerable: false,
      });
    }
    return target;
  },

  // Reads a property of a value of which nothing is known: a getter of it may throw.
  peek(value, key) {
    try {
      return value[key];
    } catch {
      return undefined;
    }
  },

  textOf(value) {
    try {
      return primordials.String(value);
    } catch {
      return "a value that cannot be shown as text";
    }
  },

  formEncoded(value) {
    return encodeURIComponent(shared.textOf(value).toWellFormed())
      .replace(/[!'()~]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`)
      .replaceAll("%20", "+");
  },

  binaryText(bytes) {
    let text = "";
    for (const byte of bytes) text += String.fromCharCode(byte);
    return text;
  },
};
const { hidden, peek, textOf, use } = shared;

function lazily(target, name, enumerable, make) {
  Object.defineProperty(target, name, {
    configurable: true,
    enumerable,
    get() {
      const value = make();
      Object.defineProperty(target, name, {
        value, writable: true, configurable: true, enumerable,
      });
      return value;
    },
    set(value) { hidden(target, { [name]: value }); },
  });
}

for (const name of [
  "AuthenticationError", "AuthorizationError", "NetworkError", "HttpError", "ValidationError",
  "ConfigurationError", "RateLimitError", "ServiceUnavailableError", "TimeoutError", "DataError",
  "NotFoundError", "RuntimeError",
]) lazily(globalThis, name, false, () => use("errors").types[name]);
for (const name of ["setTimeout", "setInterval", "clearTimeout", "clearInterval"]) {
  lazily(globalThis, name, false, () => use("timers")[name]);
}
for (const name of ["URL", "URLSearchParams"]) {
  lazily(globalThis, name, false, () => use("url")[name]);
}
for (const name of ["TextEncoder", "TextDecoder"]) {
  lazily(globalThis, name, false, () => use("encoding")[name]);
}
for (const name of ["Headers", "AbortController", "AbortSignal", "structuredClone"]) {
  lazily(globalThis, name, false, () => use("web")[name]);
}
lazily(globalThis, "console", false, () => use("console"));
lazily(globalThis, "crypto", false, () => use("crypto"));
lazily(globalThis, "fetch", false, () => use("fetch"));
lazily(globalThis, "reportProgress", false, () => use("progress"));
hidden(globalThis, { global: globalThis });

const settled = { done: false, failed: false, value: undefined };
let request = null;
let earlier = null;

function settle(failed, value) {
  if (settled.done) return;
  settled.done = true;
  settled.failed = failed;
  settled.value = value;
}

// A fresh `module` for each file, so that exports of one are not taken for those of the next.
function freshModule() {
  const module = { exports: {} };
  hidden(globalThis, { module, exports: module.exports });
  earlier = module.exports;
}

function entryOf(exported) {
  for (const name of ["handler", "main", "default", "process"]) {
    const value = peek(exported, name);
    if (typeof value === "function") return value;
  }
  return undefined;
}

// What a script offers to be called, or its value: exports first, then what the script's last
// expression gave, then a function named main, handler or process (`named`).
function chosen(completion, named) {
  const exported = peek(peek(globalThis, "module"), "exports");
  if (typeof exported === "function") return exported;
  if (typeof exported === "object" && exported) {
    const entry = entryOf(exported);
    if (entry) return entry;
    if (exported !== earlier && typeof completion !== "function" && !named) return exported;
  }
  if (typeof completion === "function") return completion;
  return named || completion;
}

function callOrTake(target, nothing) {
  try {
    if (target === undefined || target === null) {
      throw new (use("errors").types.ConfigurationError)(nothing);
    }
    follow(typeof target === "function" ? target(request.input, request.context) : target);
  } catch (error) {
    settle(true, error);
  }
}

function follow(value) {
  if ((typeof value === "object" || typeof value === "function") && value !== null
    && typeof value.then === "function") {
    new primordials.Promise((done) => done(value)).then(
      (result) => settle(false, result), (error) => settle(true, error));
  } else {
    settle(false, value);
  }
}

const operations = {
  begin(given) {
    request = given;
    lazily(request.context, "fetch", true, () => use("fetch"));
  },
  file() { freshModule(); },

  // `named`: the function called main, handler or process, unless a file of the prelude made it.
  call(completion, named, nothing, before) {
    callOrTake(chosen(completion, named === before ? undefined : named), nothing);
  },

  // An ES module: `promise` of its evaluation; its namespace is what its last line left behind.
  callModule(promise, nothing) {
    const evaluated = new primordials.Promise((done) => done(promise));
    evaluated.then(() => {
      const exported = globalThis.$ratchetModule;
      delete globalThis.$ratchetModule;
      callOrTake(entryOf(exported) ?? peek(exported, "default"), nothing);
    }, (error) => settle(true, error));
  },

  // Fires the timer that is due. Returns milliseconds to wait, -1 when settled, -2 when nothing
  // is left that could settle it.
  tick() {
    if (settled.done) return -1;
    if (!shared.isLoaded("timers")) return -2;
    try {
      return use("timers").tick();
    } catch (error) {
      settle(true, error);
      return -1;
    }
  },

  failed() { return settled.failed; },

  // JSON of the result, or of the error's description.
  result() {
    if (!settled.failed) {
      try {
        return primordials.JSON_stringify(settled.value) ?? "null";
      } catch (error) {
        settled.failed = true;
        settled.value = error;
      }
    }
    return primordials.JSON_stringify(use("errors").describeError(settled.value));
  },

  // The newest of our errors if `text`, what the engine says about a throw, is about it.
  recall(text) {
    if (shared.newestError === null || !text.startsWith(textOf(shared.newestError))) return null;
    return primordials.JSON_stringify(use("errors").describeError(shared.newestError));
  },
};

return (name, ...args) => operations[name](...args);
