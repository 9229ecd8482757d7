// The report of one build: totals, slowest suites, and whether it may be released.
(function(input) {
    const build_number = String(input.build_number);
    const { branch, suites = sampleSuites(build_number) } = input;
    const totals = totalsOf(suites);
    if (totals.tests === 0) {
        throw new DataError(`build ${build_number} ran no test`);
    }

    const kind = branchKind(branch);
    const failed = suites.filter(suite => (suite.failed ?? 0) > 0).map(suite => suite.name);
    const status = failed.length === 0 ? 'passed' : 'failed';
    const slowest = [...suites]
        .sort((a, b) => (b.duration_s ?? 0) - (a.duration_s ?? 0))
        .slice(0, 3)
        .map(({ name, duration_s = 0 }) => ({ name, duration_s }));
    return {
        build_number,
        branch,
        branch_kind: kind,
        status,
        releasable: status === 'passed' && kind !== 'feature',
        version: versionOf(branch, build_number),
        totals,
        failed_suites: failed,
        slowest_suites: slowest,
        summary: `Build ${build_number} of ${branch} ${status}: ${totals.passed} of ` +
            `${totals.passed + totals.failed} tests in ${totals.duration_s} s` +
            (failed.length ? `; failed: ${failed.join(', ')}` : '')
    };
})
