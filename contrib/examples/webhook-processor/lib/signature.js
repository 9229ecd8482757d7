// The signature of a webhook: lower-case hex of HMAC-SHA256.
// A text is signed as it is, anything else as JSON without blanks, which is what
// JSON.stringify, and most senders, write.

function generateSignature(body, secret) {
    if (typeof secret !== 'string' || secret === '') {
        throw new ConfigurationError('webhook_secret is missing, so the signature cannot be checked');
    }
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    return crypto.hmacSha256Hex(secret, text);
}
