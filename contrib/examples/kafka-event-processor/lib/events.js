// What the events of the two topics lead to.

const USER_ACTIONS = { signed_up: 'created', renamed: 'updated', closed: 'deleted' };
const ORDER_STATES = ['placed', 'paid', 'shipped', 'delivered'];

function processUserEvent(value) {
    const { type, user_id, ...changes } = requireEvent(value, 'user_id');
    const action = USER_ACTIONS[type];
    if (action === undefined) {
        throw new DataError(`Unknown user event: ${type}`);
    }
    return { entity: 'user', id: user_id, action, changes };
}

function processOrderEvent(value) {
    const { order_id, state } = requireEvent(value, 'order_id');
    const step = ORDER_STATES.indexOf(state);
    if (step < 0) {
        throw new DataError(`Unknown order state: ${state}`);
    }
    return {
        entity: 'order',
        id: order_id,
        action: state,
        progress: (step + 1) / ORDER_STATES.length,
        next: ORDER_STATES[step + 1] ?? null
    };
}

function requireEvent(value, idField) {
    if (value === null || typeof value !== 'object' || value[idField] === undefined) {
        throw new DataError(`the event's value must be a JSON object with ${idField}`);
    }
    return value;
}
