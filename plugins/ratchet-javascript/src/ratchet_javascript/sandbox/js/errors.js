// Error classes that scripts may throw and catch, and how a thrown value is described.
// Each file of this folder but bridge.js is the body of `function (host, shared)`: see bridge.js.

const { peek, textOf, hidden, primordials } = shared;
const types = {};

function defineError(name, assign) {
  const type = {
    [name]: class extends Error {
      constructor(...args) {
        const { message, options, fields } = assign(args);
        super(message, options);
        for (const [key, value] of Object.entries(fields)) {
          if (value !== undefined) this[key] = value;
        }
        shared.newestError = this;
      }
    },
  }[name];
  types[name] = type;
  hidden(type.prototype, { name });
}

function plainArguments([message, options]) {
  return { message, options, fields: {} };
}

function rateLimitArguments([message, options]) {
  const retryAfter = typeof options === "object" && options ? options.retryAfter : options;
  return {
    message,
    options: typeof options === "object" && options ? options : undefined,
    fields: { retryAfter },
  };
}

function httpArguments([status, message, options]) {
  return {
    message: message === undefined ? `HTTP ${status}` : message,
    options,
    fields: { status, retryAfter: options && options.retryAfter },
  };
}

defineError("HttpError", httpArguments);
defineError("RateLimitError", rateLimitArguments);
defineError("ServiceUnavailableError", rateLimitArguments);
for (const name of [
  "NetworkError", "TimeoutError", "AuthenticationError", "AuthorizationError", "ValidationError",
  "ConfigurationError", "DataError", "NotFoundError", "RuntimeError",
]) defineError(name, plainArguments);

function ownText(value, key) {
  return Object.prototype.hasOwnProperty.call(value, key) && typeof peek(value, key) === "string"
    ? value[key] : "";
}

// Names of the classes of an error, the most special first.
function classNames(error) {
  const names = [];
  for (let step = Object.getPrototypeOf(error); step && names.length < 20;
    step = Object.getPrototypeOf(step)) {
    const type = Object.prototype.hasOwnProperty.call(step, "constructor")
      ? peek(step, "constructor") : null;
    if (typeof type === "function" && type.name && type !== Object) names.push(type.name);
  }
  return names;
}

function describeError(error) {
  if ((typeof error !== "object" && typeof error !== "function") || error === null) {
    return { names: ["Error"], message: textOf(error), stack: "" };
  }
  const names = classNames(error);
  const given = ownText(error, "name")
    || (error instanceof DOMException ? textOf(peek(error, "name")) : "");
  if (given) names.unshift(given);
  const message = peek(error, "message");
  return {
    names: names.length ? names : ["Error"],
    message: message === undefined ? (error instanceof Error ? "" : shown(error)) : textOf(message),
    stack: textOf(peek(error, "stack") || ""),
    status: Number(peek(error, "status")),
    retryAfter: Number(peek(error, "retryAfter")),
    permanent: shared.permanentErrors.has(error),
  };
}

function shown(value) {
  try {
    return primordials.JSON_stringify(value) || textOf(value);
  } catch {
    return textOf(value);
  }
}

return { types, describeError };
