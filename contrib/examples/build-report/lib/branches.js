// What a branch is for, and the version that a build of it gets.

function branchKind(branch) {
    if (branch === 'main' || branch === 'master') {
        return 'main';
    }
    return /^release\//.test(branch) ? 'release' : 'feature';
}

// release/2.4 gives 2.4.17, main gives 0.0.0-main.17, feature/Login page gives 0.0.0-login-page.17.
function versionOf(branch, buildNumber) {
    const release = /^release\/v?(\d+)\.(\d+)$/.exec(branch);
    if (release) {
        return `${release[1]}.${release[2]}.${buildNumber}`;
    }
    const slug = branch.split('/').pop().toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '');
    return `0.0.0-${slug || 'build'}.${buildNumber}`;
}
