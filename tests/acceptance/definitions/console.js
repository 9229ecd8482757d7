(function (input, context) {
  console.debug("looking at", { order: input.order });
  console.log("attempt", context.attempt);
  console.info("plain");
  console.warn("low on", ["stock", 3]);
  console.error(new Error("odd").message, null, true);
  if (context.attempt === 1) {
    throw new NetworkError("once more");
  }
  return { said: 5 };
})
