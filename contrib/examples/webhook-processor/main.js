// webhook-processor.js
(function(input) {
    // Parse webhook payload
    const { headers, body, method, path } = input.webhook;
    
    // Validate webhook signature (if applicable)
    if (headers['x-webhook-signature']) {
        const expectedSignature = generateSignature(body, input.webhook_secret);
        if (headers['x-webhook-signature'] !== expectedSignature) {
            throw new ValidationError("Invalid webhook signature");
        }
    }
    
    // Process webhook based on type
    switch (headers['x-event-type']) {
        case 'payment.completed':
            return processPayment(body);
        case 'user.created':
            return processNewUser(body);
        default:
            throw new ValidationError(`Unknown event type: ${headers['x-event-type']}`);
    }
})
