(input) => {
  const asked = input.headers ? { method: input.method, headers: input.headers } : { method: input.method };
  const answer = fetch(input.url, asked);
  return { status: answer.status, body: answer.body, headers: answer.headers };
}
