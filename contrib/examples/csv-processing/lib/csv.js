// Reading CSV as RFC 4180 has it: quoted values may hold separators, quotes (doubled) and line ends.

// Returns records, each with the line that it starts on and its values.
function parseCsv(text, separator) {
    const records = [];
    let values = [], value = '', quoted = false, line = 1, start = 1;
    const endValue = () => { values.push(value); value = ''; };
    const endRecord = () => {
        endValue();
        if (values.length > 1 || values[0] !== '') {
            records.push({ line: start, values });
        }
        values = [];
    };
    for (let at = 0; at < text.length; at += 1) {
        const char = text[at];
        if (char === '\n') {
            line += 1;
        }
        if (quoted && char === '"' && text[at + 1] === '"') {
            value += '"';
            at += 1;
        } else if (char === '"' && (quoted || value === '')) {
            quoted = !quoted;
        } else if (quoted || ![separator, '\n', '\r'].includes(char)) {
            value += char;
        } else if (char === separator) {
            endValue();
        } else if (char === '\n') {
            endRecord();
            start = line;
        }
    }
    if (quoted) {
        throw new DataError(`the quote opened in the record of line ${start} is never closed`);
    }
    endRecord();
    return records;
}
