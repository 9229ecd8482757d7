// Simulated figures of a web service. One environment on one day always has the same ones, so a
// report can be made again and compared with the days before it.

const SCALE = { production: 1, staging: 0.12, test: 0.03 };

// A small generator of numbers from 0 to 1 (mulberry32), seeded with a text (FNV-1a).
function randomFrom(text) {
    let state = 0x811c9dc5;
    for (const char of text) {
        state = Math.imul(state ^ char.codePointAt(0), 0x01000193);
    }
    return function () {
        state = (state + 0x6d2b79f5) | 0;
        let mixed = Math.imul(state ^ (state >>> 15), state | 1);
        mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
        return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
    };
}

// 24 rows {hour, requests, errors, latency_ms}: quiet nights, busy afternoons, calm weekends.
function hoursOf(environment, date) {
    const random = randomFrom(`${environment} ${date}`);
    const weekday = new Date(`${date}T00:00:00Z`).getUTCDay();
    const scale = (SCALE[environment] ?? 0.3) * (weekday === 0 || weekday === 6 ? 0.55 : 1);
    return Array.from({ length: 24 }, (_, hour) => {
        const daylight = 0.25 + 0.75 * Math.max(0, Math.sin(Math.PI * (hour - 5) / 18));
        const requests = Math.round(4200 * scale * daylight * (0.85 + 0.3 * random()));
        const errors = Math.round(requests * 0.004 * (0.4 + 1.2 * random()));
        return { hour, requests, errors, latency_ms: Math.round(70 + 60 * daylight + 25 * random()) };
    });
}

function totalsOf(hours) {
    const sum = pick => hours.reduce((total, row) => total + pick(row), 0);
    const requests = sum(row => row.requests);
    const errors = sum(row => row.errors);
    return {
        requests,
        errors,
        error_rate_percent: requests ? Number((100 * errors / requests).toFixed(3)) : 0,
        latency_ms: requests ? Math.round(sum(row => row.latency_ms * row.requests) / requests) : 0
    };
}
