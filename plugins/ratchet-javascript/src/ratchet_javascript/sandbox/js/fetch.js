// fetch: blocks while the host makes the request, and can be awaited all the same.

const { hidden, textOf, binaryText, formEncoded, primordials, permanentErrors } = shared;
const FORM = "application/x-www-form-urlencoded";

function headerPairs(headers) {
  if (headers === undefined || headers === null) return [];
  if (typeof headers[Symbol.iterator] === "function") return [...headers];
  return Object.entries(headers);
}

function requestHeaders(given) {
  const headers = {};
  for (const [name, value] of headerPairs(given)) {
    if (value !== undefined && value !== null) headers[textOf(name)] = textOf(value);
  }
  return headers;
}

function headerNamed(headers, name) {
  const found = Object.keys(headers).find((key) => key.toLowerCase() === name);
  return found === undefined ? undefined : headers[found];
}

function formText(body) {
  const pair = (key, value) => `${formEncoded(key)}=${formEncoded(value)}`;
  return Object.entries(body)
    .filter(([, value]) => value !== undefined && value !== null)
    .flatMap(([key, value]) => (Array.isArray(value)
      ? value.map((item) => pair(key, item)) : [pair(key, value)]))
    .join("&");
}

// Returns the body as `{text}` or `{binary}` (one character per byte) and completes the headers.
function requestBody(body, headers) {
  const typed = (type) => {
    if (headerNamed(headers, "content-type") === undefined) headers["Content-Type"] = type;
  };
  if (body === undefined || body === null) return {};
  if (typeof body === "string") return { text: body };
  if (body instanceof ArrayBuffer) return { binary: binaryText(new Uint8Array(body)) };
  if (ArrayBuffer.isView(body)) {
    return { binary: binaryText(new Uint8Array(body.buffer, body.byteOffset, body.byteLength)) };
  }
  if (shared.isLoaded("url") && body instanceof shared.use("url").URLSearchParams) {
    typed(FORM);
    return { text: body.toString() };
  }
  if (typeof body === "object" && (headerNamed(headers, "content-type") || "").startsWith(FORM)) {
    return { text: formText(body) };
  }
  typed("application/json");
  return { text: primordials.JSON_stringify(body) };
}

function responseHeaders(plain) {
  const headers = { ...plain };
  return hidden(headers, {
    get: (name) => headers[textOf(name).toLowerCase()] ?? null,
    has: (name) => textOf(name).toLowerCase() in plain,
    entries: () => Object.entries(plain)[Symbol.iterator](),
    forEach: (callback) => Object.entries(plain).forEach(([key, value]) => callback(value, key)),
    [Symbol.iterator]: () => Object.entries(plain)[Symbol.iterator](),
  });
}

function parsedOrText(text) {
  try {
    return primordials.JSON_parse(text);
  } catch {
    return text;
  }
}

// `wrap` makes what json() and text() return: the value itself, or a promise of it.
function responseOf(answer, wrap) {
  return hidden({
    ok: answer.status >= 200 && answer.status < 300,
    status: answer.status,
    statusText: answer.reason,
    headers: responseHeaders(answer.headers),
    body: parsedOrText(answer.text),
  }, {
    url: answer.url,
    json: () => wrap(() => primordials.JSON_parse(answer.text)),
    text: () => wrap(() => answer.text),
  });
}

function awaitable(answer) {
  const twin = () => responseOf(answer, (make) => new primordials.Promise((done) => done(make())));
  const promise = () => new primordials.Promise((done) => done(twin()));
  return hidden(responseOf(answer, (make) => make()), {
    then: (done, failed) => promise().then(done, failed),
    catch: (failed) => promise().catch(failed),
    finally: (callback) => promise().finally(callback),
  });
}

function timeoutOf(options) {
  const own = Number(options.timeout);
  const signal = options.signal && Number(options.signal.timeoutMs);
  const known = [own, signal].filter((limit) => Number.isFinite(limit) && limit > 0);
  return known.length ? Math.min(...known) : null;
}

function refused(answer) {
  const error = new (shared.use("errors").types[answer.error])(answer.message);
  if (answer.retryAfter) error.retryAfter = answer.retryAfter;
  if (answer.permanent) permanentErrors.add(error);
  return error;
}

function fetch(url, options, body) {
  const given = options === undefined || options === null ? {} : options;
  if (given.signal && given.signal.aborted) throw given.signal.reason;
  const headers = requestHeaders(given.headers);
  const content = requestBody(body === undefined ? given.body : body, headers);
  const answer = primordials.JSON_parse(host.fetch(primordials.JSON_stringify({
    url: textOf(url),
    method: textOf(given.method || "GET").toUpperCase(),
    headers,
    ...content,
    timeoutMs: timeoutOf(given),
    redirect: given.redirect === "manual" || given.redirect === "error" ? given.redirect : "follow",
  })));
  if (answer.error) throw refused(answer);
  return awaitable(answer);
}

return fetch;
