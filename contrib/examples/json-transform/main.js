// Picks, renames and converts fields of records. Shown here: a script that exports `main`.

function valueAt(record, path) {
    return path.split('.').reduce((value, key) => value?.[key], record);
}

function convert(value, kind, field) {
    switch (kind) {
        case undefined:
            return value;
        case 'text':
            return String(value);
        case 'upper':
            return String(value).toUpperCase();
        case 'lower':
            return String(value).toLowerCase();
        case 'boolean':
            return [true, 1, '1', 'true', 'yes'].includes(typeof value === 'string' ? value.toLowerCase() : value);
        case 'number': {
            const number = Number(value);
            if (value === '' || Number.isNaN(number)) {
                throw new DataError(`${field}: ${JSON.stringify(value)} is not a number`);
            }
            return number;
        }
        case 'date': {
            const date = new Date(value);
            if (Number.isNaN(date.getTime())) {
                throw new DataError(`${field}: ${JSON.stringify(value)} is not a date`);
            }
            return date.toISOString().split('T')[0];
        }
        default:
            throw new ValidationError(`${field}: unknown conversion ${kind}`);
    }
}

function transform(record, fields) {
    let result = {};
    for (const { from, to, as, ...rest } of fields) {
        const found = valueAt(record, from ?? to);
        const value = found === undefined || found === null ? rest.default ?? null : convert(found, as, to);
        result = { ...result, [to]: value };
    }
    return result;
}

function main(input) {
    const records = input.records.map(record => transform(record, input.fields));
    const result = { count: records.length, records };
    if (input.group_by === undefined) {
        return result;
    }
    const groups = records.reduce((counts, record) => {
        const key = String(record[input.group_by]);
        return { ...counts, [key]: (counts[key] || 0) + 1 };
    }, {});
    return { ...result, groups };
}

module.exports = { main };
