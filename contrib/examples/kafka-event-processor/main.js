// kafka-event-processor.js
(function(input) {
    const { topic, partition, offset, key, value, headers } = input.kafka_event;
    
    // Process event based on topic
    switch (topic) {
        case 'user-events':
            return processUserEvent(value);
        case 'order-events':
            return processOrderEvent(value);
        default:
            throw new Error(`Unknown topic: ${topic}`);
    }
})
