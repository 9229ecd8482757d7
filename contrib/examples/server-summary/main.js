// What this server knows and how its runs go. Shown here: an async main that awaits fetch.
async function main(input) {
    const base = (input.base_url ?? 'http://localhost:8080').replace(/\/+$/, '');

    async function get(path) {
        const response = await fetch(`${base}/api/v1${path}`, { headers: { Accept: 'application/json' } });
        if (response.status === 429) {
            throw new RateLimitError(`${path} answered 429`);
        }
        if (!response.ok) {
            throw new ServiceUnavailableError(`${path} answered ${response.status} ${response.statusText}`);
        }
        return response.json();
    }

    const tasks = await get('/tasks?limit=1');
    const jobs = await get('/jobs?limit=200');
    const byStatus = {};
    for (const job of jobs.items) {
        byStatus[job.status] = (byStatus[job.status] ?? 0) + 1;
    }
    const failed = jobs.items.find(job => job.status === 'failed');
    console.log(`read ${jobs.items.length} of ${jobs.total} jobs`);
    return {
        tasks: tasks.total,
        jobs: jobs.total,
        by_status: byStatus,
        newest_failure: failed ? `${failed.task_id}: ${failed.error}` : null,
        summary: `${tasks.total} tasks, ${jobs.total} jobs` +
            Object.entries(byStatus).map(([status, count]) => `, ${count} ${status}`).join('')
    };
}
