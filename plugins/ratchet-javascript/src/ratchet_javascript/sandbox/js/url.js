// URL and URLSearchParams, in their plain form: host names are not internationalised (no IDNA).

const { formEncoded } = shared;
const PORTS = { "http:": "80", "https:": "443", "ws:": "80", "wss:": "443", "ftp:": "21" };

function formDecoded(text) {
  return new TextDecoder().decode(percentBytes(text.replaceAll("+", " ")));
}

function percentBytes(text) {
  const bytes = [];
  const encoded = new TextEncoder().encode(text);
  for (let at = 0; at < encoded.length; at += 1) {
    const hex = String.fromCharCode(encoded[at + 1] ?? 0, encoded[at + 2] ?? 0);
    if (encoded[at] === 37 && /^[0-9a-fA-F]{2}$/.test(hex)) {
      bytes.push(parseInt(hex, 16));
      at += 2;
    } else {
      bytes.push(encoded[at]);
    }
  }
  return new Uint8Array(bytes);
}

class URLSearchParams {
  #pairs = [];
  #changed = null;

  constructor(init = "", changed = null) {
    if (typeof init === "string") this.#parse(init.replace(/^\?/, ""));
    else if (typeof init[Symbol.iterator] === "function") {
      for (const [name, value] of init) this.#pairs.push([String(name), String(value)]);
    } else {
      for (const [name, value] of Object.entries(init)) this.#pairs.push([name, String(value)]);
    }
    this.#changed = changed;
  }

  #parse(text) {
    for (const part of text.split("&").filter(Boolean)) {
      const at = part.indexOf("=");
      this.#pairs.push(at < 0 ? [formDecoded(part), ""]
        : [formDecoded(part.slice(0, at)), formDecoded(part.slice(at + 1))]);
    }
  }

  #tell() { if (this.#changed) this.#changed(this.toString()); }
  get size() { return this.#pairs.length; }
  append(name, value) { this.#pairs.push([String(name), String(value)]); this.#tell(); }
  delete(name) {
    this.#pairs = this.#pairs.filter(([key]) => key !== String(name));
    this.#tell();
  }
  get(name) { return this.#pairs.find(([key]) => key === String(name))?.[1] ?? null; }
  getAll(name) { return this.#pairs.filter(([key]) => key === String(name)).map((p) => p[1]); }
  has(name) { return this.#pairs.some(([key]) => key === String(name)); }
  set(name, value) {
    const at = this.#pairs.findIndex(([key]) => key === String(name));
    if (at < 0) this.#pairs.push([String(name), String(value)]);
    else {
      this.#pairs[at] = [String(name), String(value)];
      this.#pairs = this.#pairs.filter(([key], other) => key !== String(name) || other <= at);
    }
    this.#tell();
  }
  sort() {
    this.#pairs.sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0));
    this.#tell();
  }
  forEach(callback) { for (const [name, value] of this.#pairs) callback(value, name, this); }
  *entries() { for (const [name, value] of this.#pairs) yield [name, value]; }
  *keys() { for (const [name] of this.#pairs) yield name; }
  *values() { for (const [, value] of this.#pairs) yield value; }
  [Symbol.iterator]() { return this.entries(); }
  toString() {
    return this.#pairs.map(([name, value]) => `${formEncoded(name)}=${formEncoded(value)}`)
      .join("&");
  }
}

const escaped = (text, allowed) => text.replace(allowed, (found) => encodeURIComponent(
  found.toWellFormed()));
const PATH = /[^\w\-.~!$&'()*+,;=:@/%[\]|^\\]/gu;
const QUERY = /[^\w\-.~!$&()*+,;=:@/?%[\]|^\\`{}]/gu;
const URL_FORM = /^([a-zA-Z][a-zA-Z0-9+.-]*:)(?:\/\/([^/?#\\]*))?([^?#]*)(\?[^#]*)?(#.*)?$/s;

function dotless(path) {
  const kept = [];
  const parts = path.split("/");
  parts.forEach((part, at) => {
    const last = at === parts.length - 1;
    if (/^(\.|%2e){2}$/i.test(part)) {
      if (kept.length > 1) kept.pop();
      if (last) kept.push("");
    } else if (/^(\.|%2e)$/i.test(part)) {
      if (last) kept.push("");
    } else kept.push(part);
  });
  return kept.join("/");
}

function absolute(text, base) {
  if (URL_FORM.test(text) && /^[a-zA-Z][a-zA-Z0-9+.-]*:/.test(text)) return text;
  if (base === undefined) throw new TypeError(`Invalid URL: ${text}`);
  const root = base instanceof URL ? base : new URL(base);
  if (text.startsWith("//")) return root.protocol + text;
  const origin = `${root.protocol}//${root.username ? `${root.username}${
    root.password ? `:${root.password}` : ""}@` : ""}${root.host}`;
  if (text.startsWith("/")) return origin + text;
  if (text.startsWith("?")) return origin + root.pathname + text;
  if (text.startsWith("#")) return origin + root.pathname + root.search + text;
  if (text === "") return origin + root.pathname + root.search;
  return origin + root.pathname.replace(/[^/]*$/, "") + text;
}

class URL {
  #parts = {};
  #params = null;

  constructor(text, base) {
    const found = URL_FORM.exec(absolute(String(text).trim().replace(/[\t\n\r]/g, ""), base));
    const protocol = found[1].toLowerCase();
    const special = protocol in PORTS;
    if (special && !found[2]) throw new TypeError(`Invalid URL: ${text}`);
    this.#parts = {
      protocol, special, opaque: found[2] === undefined, ...URL.#authority(found[2] ?? "", text),
    };
    if (this.#parts.port === PORTS[protocol]) this.#parts.port = "";
    this.pathname = found[3];
    this.search = found[4] ?? "";
    this.hash = found[5] ?? "";
  }

  static #authority(authority, text) {
    const found = /^(?:([^@:]*)(?::([^@]*))?@)?(\[[0-9a-fA-F:.]+\]|[^:@[\]\s%<>^|]*)(?::(\d*))?$/
      .exec(authority);
    if (!found || Number(found[4] || 0) > 65535) throw new TypeError(`Invalid URL: ${text}`);
    return {
      username: found[1] ?? "", password: found[2] ?? "", hostname: found[3].toLowerCase(),
      port: found[4] ? String(Number(found[4])) : "",
    };
  }

  static canParse(text, base) {
    try { return Boolean(new URL(text, base)); } catch { return false; }
  }

  get protocol() { return this.#parts.protocol; }
  set protocol(value) { this.#parts.protocol = `${String(value).replace(/:.*$/, "")}:`; }
  get username() { return this.#parts.username; }
  set username(value) { this.#parts.username = encodeURIComponent(value); }
  get password() { return this.#parts.password; }
  set password(value) { this.#parts.password = encodeURIComponent(value); }
  get hostname() { return this.#parts.hostname; }
  set hostname(value) { this.#parts.hostname = String(value).toLowerCase(); }
  get port() { return this.#parts.port; }
  set port(value) {
    this.#parts.port = String(value) === PORTS[this.protocol] ? "" : String(value);
  }
  get host() { return this.hostname + (this.port ? `:${this.port}` : ""); }
  set host(value) {
    const { hostname, port } = URL.#authority(String(value), value);
    Object.assign(this.#parts, { hostname, port: port === PORTS[this.protocol] ? "" : port });
  }
  get origin() { return this.#parts.special ? `${this.protocol}//${this.host}` : "null"; }
  get pathname() { return this.#parts.pathname; }
  set pathname(value) {
    const path = String(value);
    if (this.#parts.opaque) this.#parts.pathname = path;
    else {
      const rooted = path.startsWith("/") ? path : `/${path}`;
      this.#parts.pathname = dotless(escaped(
        this.#parts.special ? rooted.replaceAll("\\", "/") : rooted, PATH));
    }
  }
  get search() { return this.#parts.search; }
  set search(value) {
    this.#search(String(value));
    this.#params = null;
  }
  #search(text) {
    const query = text.replace(/^\?/, "");
    this.#parts.search = query ? `?${escaped(query, QUERY)}` : "";
  }
  get searchParams() {
    this.#params ??= new URLSearchParams(this.search, (text) => this.#search(text));
    return this.#params;
  }
  get hash() { return this.#parts.hash; }
  set hash(value) {
    const fragment = String(value).replace(/^#/, "");
    this.#parts.hash = fragment ? `#${escaped(fragment, QUERY)}` : "";
  }
  get href() {
    const { protocol, username, password, opaque } = this.#parts;
    const user = username || password ? `${username}${password ? `:${password}` : ""}@` : "";
    return protocol + (opaque ? "" : `//${user}${this.host}`)
      + this.pathname + this.search + this.hash;
  }
  toString() { return this.href; }
  toJSON() { return this.href; }
}

return { URL, URLSearchParams };
