// console, with values shown the way Node shows them.

const { peek, textOf, primordials } = shared;
const MAX_DEPTH = 2;
const MAX_ITEMS = 100;
const LINE_WIDTH = 72;

function quoted(text) {
  const mark = !text.includes("'") ? "'" : !text.includes('"') ? '"' : "'";
  const body = primordials.JSON_stringify(text).slice(1, -1).replaceAll('\\"', '"');
  return mark + (mark === "'" ? body.replaceAll("'", "\\'") : body) + mark;
}

function shownKey(key) {
  if (typeof key === "symbol") return `[${key.toString()}]`;
  return /^[A-Za-z_$][\w$]*$/.test(key) ? key : quoted(key);
}

function shownPrimitive(value) {
  if (typeof value === "string") return quoted(value);
  if (typeof value === "bigint") return `${value}n`;
  if (Object.is(value, -0)) return "-0";
  return textOf(value);
}

function shownFunction(value) {
  const kind = /^class\b/.test(Function.prototype.toString.call(value)) ? "class" : "Function";
  return value.name ? `[${kind}${kind === "class" ? " " : ": "}${value.name}]`
    : `[${kind} (anonymous)]`;
}

function typeName(value) {
  const prototype = Object.getPrototypeOf(value);
  if (prototype === null) return "[Object: null prototype]";
  const type = peek(prototype, "constructor");
  return typeof type === "function" ? type.name : "";
}

function joined(items, open, close) {
  if (!items.length) return open + close;
  const line = `${open} ${items.join(", ")} ${close}`;
  if (line.length <= LINE_WIDTH && !line.includes("\n")) return line;
  return `${open}\n  ${items.join(",\n").replaceAll("\n", "\n  ")}\n${close}`;
}

function limited(items) {
  const more = items.length - MAX_ITEMS;
  if (more <= 0) return items;
  return [...items.slice(0, MAX_ITEMS), `... ${more} more item${more > 1 ? "s" : ""}`];
}

function entriesOf(value, show) {
  return Reflect.ownKeys(value)
    .filter((key) => Object.prototype.propertyIsEnumerable.call(value, key))
    .slice(0, MAX_ITEMS)
    .map((key) => {
      const slot = Object.getOwnPropertyDescriptor(value, key);
      return `${shownKey(key)}: ${slot && slot.get ? "[Getter]" : show(value[key])}`;
    });
}

function shownError(error, show) {
  const head = textOf(error);
  const fields = entriesOf(error, show);
  return fields.length ? `${head} ${joined(fields, "{", "}")}` : head;
}

function shownObject(value, show) {
  if (Array.isArray(value)) {
    return joined(limited(Array.from({ length: Math.min(value.length, MAX_ITEMS + 1) },
      (_, index) => show(value[index]))), "[", "]");
  }
  if (value instanceof Date) return Number.isNaN(+value) ? "Invalid Date" : value.toISOString();
  if (value instanceof RegExp) return textOf(value);
  if (value instanceof primordials.Promise) return "Promise {}";
  const name = typeName(value);
  if (value instanceof Map) {
    return `${name}(${value.size}) ` + joined(
      limited([...value].map(([key, item]) => `${show(key)} => ${show(item)}`)), "{", "}");
  }
  if (value instanceof Set) {
    return `${name}(${value.size}) ` + joined(limited([...value].map(show)), "{", "}");
  }
  if (ArrayBuffer.isView(value) && value.length !== undefined) {
    return `${name}(${value.length}) ` + joined(limited(Array.from(value, show)), "[", "]");
  }
  return (name && name !== "Object" ? `${name} ` : "") + joined(entriesOf(value, show), "{", "}");
}

function inspect(value, depth = 0, seen = []) {
  if (typeof value === "function") return shownFunction(value);
  if (typeof value !== "object" || value === null) return shownPrimitive(value);
  if (seen.includes(value)) return "[Circular]";
  const show = (item) => inspect(item, depth + 1, [...seen, value]);
  if (value instanceof Error) return shownError(value, show);
  if (depth > MAX_DEPTH) return Array.isArray(value) ? "[Array]" : `[${typeName(value) || "Object"}]`;
  return shownObject(value, show);
}

function formatPlaceholder(mark, value) {
  switch (mark) {
    case "s": return typeof value === "object" && value ? inspect(value, MAX_DEPTH) : textOf(value);
    case "d": return textOf(typeof value === "bigint" ? `${value}n` : Number(value));
    case "i": return textOf(parseInt(value, 10));
    case "f": return textOf(parseFloat(value));
    case "j": return primordials.JSON_stringify(value);
    default: return inspect(value);
  }
}

function formatLine(values) {
  const rest = [...values];
  const parts = [];
  if (typeof rest[0] === "string" && rest.length > 1) {
    const template = rest.shift();
    parts.push(template.replace(/%([sdifjoO%])/g, (found, mark) => {
      if (mark === "%") return "%";
      return rest.length ? formatPlaceholder(mark, rest.shift()) : found;
    }));
  }
  for (const value of rest) parts.push(typeof value === "string" ? value : inspect(value));
  return parts.join(" ");
}

function logLine(level, values) {
  let line;
  try {
    line = formatLine(values);
  } catch (error) {
    line = `console could not show a value: ${textOf(error)}`;
  }
  host.log(primordials.JSON_stringify([level, line.slice(0, 10000)]));
}

const LEVELS = {
  log: "info", info: "info", warn: "warning", error: "error", debug: "debug", trace: "debug",
};
return Object.fromEntries(Object.entries(LEVELS).map(
  ([method, level]) => [method, (...values) => logLine(level, values)]));
