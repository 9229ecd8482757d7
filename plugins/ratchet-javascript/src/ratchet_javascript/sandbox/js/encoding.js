// TextEncoder and TextDecoder, for UTF-8.

class TextEncoder {
  get encoding() { return "utf-8"; }
  encode(text = "") {
    const bytes = [];
    for (const character of String(text).toWellFormed()) {
      const code = character.codePointAt(0);
      if (code < 0x80) bytes.push(code);
      else if (code < 0x800) bytes.push(0xc0 | (code >> 6), 0x80 | (code & 63));
      else if (code < 0x10000) {
        bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
      } else {
        bytes.push(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 63), 0x80 | ((code >> 6) & 63),
          0x80 | (code & 63));
      }
    }
    return new Uint8Array(bytes);
  }
}

class TextDecoder {
  #fatal = false;

  constructor(label = "utf-8", { fatal = false } = {}) {
    if (!/^utf-?8$/i.test(label)) throw new RangeError(`TextDecoder knows utf-8, not ${label}`);
    this.#fatal = fatal;
  }
  get encoding() { return "utf-8"; }
  get fatal() { return this.#fatal; }

  decode(source = new Uint8Array()) {
    const bytes = source instanceof ArrayBuffer ? new Uint8Array(source)
      : new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
    let text = "";
    for (let at = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
      at < bytes.length;) {
      const [code, length] = decodedAt(bytes, at);
      if (code < 0 && this.#fatal) throw new TypeError("the bytes are not UTF-8");
      text += code < 0 ? "\ufffd" : String.fromCodePoint(code);
      at += length;
    }
    return text;
  }
}

// The code point at `at` (-1 where there is none) and how many bytes to go on.
function decodedAt(bytes, at) {
  const first = bytes[at];
  if (first < 0x80) return [first, 1];
  const more = first >= 0xc2 && first < 0xe0 ? 1 : first >= 0xe0 && first < 0xf0 ? 2
    : first >= 0xf0 && first < 0xf5 ? 3 : 0;
  if (!more) return [-1, 1];
  let code = first & (0x3f >> more);
  for (let step = 1; step <= more; step += 1) {
    const low = step === 1 ? { 0xe0: 0xa0, 0xf0: 0x90 }[first] ?? 0x80 : 0x80;
    const high = step === 1 ? { 0xed: 0x9f, 0xf4: 0x8f }[first] ?? 0xbf : 0xbf;
    const byte = bytes[at + step];
    if (!(byte >= low && byte <= high)) return [-1, step];
    code = (code << 6) | (byte & 63);
  }
  return [code, more + 1];
}

return { TextEncoder, TextDecoder };
