// What a message leads to. A JSON object is an order and is added up; a text is counted.

function processMessage(message) {
    if (typeof message === 'string') {
        const words = message.split(/\s+/).filter(word => word !== '');
        return { kind: 'text', characters: message.length, words: words.length };
    }
    if (message === null || typeof message !== 'object' || Array.isArray(message)) {
        throw new ValidationError('a JSON message must be an object');
    }
    const { order_id = null, items = [] } = message;
    const total = items.reduce((sum, { price, quantity = 1 }, index) => {
        if (typeof price !== 'number' || typeof quantity !== 'number') {
            throw new ValidationError(`items[${index}]: price and quantity must be numbers`);
        }
        return sum + Math.round(price * 100) * quantity;
    }, 0);
    return { kind: 'order', order_id, items: items.length, total: total / 100 };
}
