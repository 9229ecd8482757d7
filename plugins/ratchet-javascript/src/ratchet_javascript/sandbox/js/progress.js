// reportProgress: a number, or an object with progress, step, message and data.

const { textOf, primordials } = shared;

function progressData({ step, data }, message) {
  if (step === undefined || step === message) return data === undefined ? null : data;
  return typeof data === "object" && data && !Array.isArray(data)
    ? { step, ...data } : { step, data };
}

function reportProgress(update, message) {
  const given = typeof update === "object" && update ? update : { progress: update, message };
  const fraction = Number(given.progress);
  if (!Number.isFinite(fraction)) throw new TypeError("progress must be a number from 0 to 1");
  const text = given.message ?? given.step ?? null;
  host.progress(primordials.JSON_stringify(
    [fraction, text === null ? null : textOf(text), progressData(given, given.message ?? given.step)]));
}

return reportProgress;
