// Sums a column up by another one and tells how far it is. Shown here: reportProgress.
function main(input) {
    const { csv, group_by, sum, separator = ',' } = input;
    reportProgress({ progress: 0, step: 'parse', message: `${csv.length} characters` });
    const [header, ...records] = parseCsv(csv, separator);
    const columns = (header?.values ?? []).map(name => name.trim());
    const [groupAt, sumAt] = [group_by, sum].map(name => {
        const at = columns.indexOf(name);
        if (at < 0) {
            throw new DataError(`there is no column ${name}; there are ${columns.join(', ') || 'none'}`);
        }
        return at;
    });

    const groups = new Map();
    const skipped = [];
    records.forEach(({ line, values }, index) => {
        const value = (values[sumAt] ?? '').trim();
        const number = Number(value);
        if (values.length !== columns.length) {
            skipped.push({ line, reason: `${values.length} values instead of ${columns.length}` });
        } else if (value === '' || Number.isNaN(number)) {
            skipped.push({ line, reason: `${sum} is not a number` });
        } else {
            const key = values[groupAt].trim();
            const { count, total } = groups.get(key) ?? { count: 0, total: 0 };
            groups.set(key, { count: count + 1, total: total + number });
        }
        if ((index + 1) % 500 === 0) {
            reportProgress({
                progress: (index + 1) / records.length,
                step: 'sum',
                message: `${index + 1} of ${records.length} rows`
            });
        }
    });

    reportProgress({ progress: 1, step: 'done', message: `${groups.size} groups` });
    return {
        columns,
        rows: records.length,
        groups: [...groups]
            .map(([value, { count, total }]) => ({
                value,
                count,
                total: Number(total.toFixed(2)),
                mean: Number((total / count).toFixed(2))
            }))
            .sort((a, b) => b.total - a.total),
        skipped
    };
}
