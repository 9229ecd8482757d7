// Days as YYYY-MM-DD, in UTC.

function dayBefore(date, days) {
    return new Date(Date.parse(`${date}T00:00:00Z`) - days * 86400000).toISOString().split('T')[0];
}

function requireDay(date) {
    if (!/^\d{4}-\d{2}-\d{2}$/.test(date) || isNaN(Date.parse(`${date}T00:00:00Z`)) || dayBefore(date, 0) !== date) {
        throw new ValidationError(`date must be a day like 2024-01-15, not ${date}`);
    }
    return date;
}
