// Fetches JSON and tells every failure apart. Shown here: which errors are tried again. A
// NetworkError, TimeoutError, RateLimitError or ServiceUnavailableError is; the others are not.
(function(input) {
    const { url, timeout_ms = 5000 } = input;
    if (!url.startsWith('https://') && !url.startsWith('http://')) {
        throw new ValidationError(`url has to start with https:// or http://, not with ${url.slice(0, 20)}`);
    }

    let response;
    try {
        response = fetch(url, { headers: { 'Accept': 'application/json' }, timeout: timeout_ms });
    } catch (error) {
        if (error instanceof NetworkError || error instanceof TimeoutError) {
            console.warn(`${url} cannot be reached: ${error.message}`);
            throw error;
        }
        throw new RuntimeError(`${url} cannot be asked for: ${error.message}`);
    }

    if (response.status === 404) {
        throw new NotFoundError(`there is nothing at ${url}`);
    }
    if (response.status === 429) {
        throw new RateLimitError(`${url} was asked too often`, { retryAfter: Number(response.headers['retry-after'] ?? 1) });
    }
    if (response.status >= 500) {
        throw new ServiceUnavailableError(`${url} answered ${response.status} ${response.statusText}`);
    }
    if (!response.ok) {
        throw new HttpError(response.status, `${url} answered ${response.status} ${response.statusText}`);
    }
    if (!(response.headers['content-type'] ?? '').startsWith('application/json')) {
        throw new DataError(`${url} answered no JSON but ${response.headers['content-type'] ?? 'something unnamed'}`);
    }
    return { url, data: response.body };
})
