// What the events of this webhook lead to.

function processPayment(body) {
    const payment = requireObject(body, 'payment');
    const { payment_id, amount, currency = 'USD' } = payment;
    if (payment_id === undefined || payment_id === null) {
        throw new ValidationError('payment.completed needs payment_id');
    }
    if (typeof amount !== 'number' || !(amount > 0)) {
        throw new ValidationError(`payment ${payment_id}: amount must be a number above 0`);
    }
    return {
        event: 'payment.completed',
        status: 'processed',
        payment_id,
        amount: Number(amount.toFixed(2)),
        currency: currency.toUpperCase()
    };
}

function processNewUser(body) {
    const user = requireObject(body, 'user');
    const email = String(user.email || '').trim().toLowerCase();
    if (!/^[^@\s]+@[^@\s]+\.[^@\s]+$/.test(email)) {
        throw new ValidationError('user.created needs a valid email');
    }
    return {
        event: 'user.created',
        status: 'processed',
        user_id: user.id ?? null,
        email,
        greeting: `Welcome, ${user.name || email.split('@')[0]}!`
    };
}

function requireObject(body, noun) {
    if (body === null || typeof body !== 'object' || Array.isArray(body)) {
        throw new ValidationError(`the webhook's body must be a JSON object that describes a ${noun}`);
    }
    return body;
}
