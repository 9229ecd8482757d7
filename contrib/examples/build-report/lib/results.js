// Test results: sample ones for a build that brings none of its own, and adding results up.

const SUITES = [
    ['unit', 640, 21],
    ['contract', 118, 34],
    ['integration', 86, 127],
    ['acceptance', 52, 213]
];

// The same build always has the same results; about every seventh has a failed test.
function sampleSuites(buildNumber) {
    const seed = [...String(buildNumber)].reduce((sum, char) => (sum * 31 + char.codePointAt(0)) % 10007, 7);
    return SUITES.map(([name, tests, seconds], index) => {
        const failed = seed % 7 === 0 && seed % SUITES.length === index ? 1 : 0;
        const skipped = (seed + index) % 4;
        return {
            name,
            passed: tests - failed - skipped,
            failed,
            skipped,
            duration_s: seconds + ((seed * (index + 3)) % 90) / 10
        };
    });
}

function totalsOf(suites) {
    const sum = key => suites.reduce((total, suite) => total + (suite[key] ?? 0), 0);
    const passed = sum('passed');
    const failed = sum('failed');
    const ran = passed + failed;
    return {
        tests: ran + sum('skipped'),
        passed,
        failed,
        skipped: sum('skipped'),
        pass_rate_percent: ran ? Number((100 * passed / ran).toFixed(2)) : 0,
        duration_s: Number(sum('duration_s').toFixed(1))
    };
}
