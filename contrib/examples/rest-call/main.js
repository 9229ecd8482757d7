// Calls a REST API with a token. Shown here: headers and options.body of fetch, and its status.
(function(input) {
    const { url, token, method = 'POST', payload } = input;

    const response = fetch(url, {
        method,
        headers: {
            'Authorization': `Bearer ${token}`,
            'Content-Type': 'application/json',
            'Accept': 'application/json'
        },
        body: payload === undefined ? undefined : JSON.stringify(payload)
    });

    switch (response.status) {
        case 401:
            throw new AuthenticationError(`${url} does not know this token`);
        case 403:
            throw new AuthorizationError(`this token may not ${method} ${url}`);
        default:
            if (!response.ok) {
                throw new HttpError(response.status, `${url} answered ${response.status} ${response.statusText}`);
            }
            return { status: response.status, body: response.body };
    }
})
