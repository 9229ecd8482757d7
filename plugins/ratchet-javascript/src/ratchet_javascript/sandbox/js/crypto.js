// crypto: digests, random values, comparison in constant time.

const { binaryText, primordials } = shared;

function textArgument(value, what) {
  if (typeof value !== "string") throw new TypeError(`${what} must be a string`);
  return value.toWellFormed();
}

// Text goes to the host as JSON, which carries every character.
function hashed(kind, ...texts) {
  return host.hash(primordials.JSON_stringify([kind, ...texts]));
}

function hmacHex(key, text) {
  return hashed("hmac", textArgument(key, "the key"), textArgument(text, "the text"));
}

function bytesOfHex(hex) {
  return Array.from({ length: hex.length / 2 }, (_, at) => parseInt(hex.substr(2 * at, 2), 16));
}

return {
  hmacSha256Hex: hmacHex,
  hmacSha256Base64: (key, text) => btoa(binaryText(bytesOfHex(hmacHex(key, text)))),
  sha256Hex: (text) => hashed("sha256", textArgument(text, "the text")),
  timingSafeEqual: (left, right) =>
    hashed("equal", textArgument(left, "the first value"), textArgument(right, "the second value"))
    === "1",
  getRandomValues: (array) => {
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    if (bytes.length > 65536) throw new RangeError("at most 65536 bytes at a time");
    bytes.set(bytesOfHex(host.random(bytes.length)));
    return array;
  },
  randomUUID: () => {
    const bytes = bytesOfHex(host.random(16));
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    return bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("")
      .replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  },
};
