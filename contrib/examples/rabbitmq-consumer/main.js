// rabbitmq-consumer.js
(function(input) {
    const { queue_name, message, headers } = input;
    
    // Parse message based on content type
    let parsedMessage;
    if (headers['content-type'] === 'application/json') {
        parsedMessage = JSON.parse(message);
    } else {
        parsedMessage = message;
    }
    
    // Process message
    const result = processMessage(parsedMessage);
    
    // Return acknowledgment
    return {
        ack: true,
        result: result,
        processed_at: new Date().toISOString()
    };
})
