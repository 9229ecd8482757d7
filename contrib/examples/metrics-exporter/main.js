// metrics-exporter.js
(function(input) {
    // Fetch Ratchet metrics
    const jobs = fetch('http://localhost:8080/api/v1/jobs?limit=1000').body;
    const tasks = fetch('http://localhost:8080/api/v1/tasks').body;
    
    // Calculate metrics
    const metrics = {
        ratchet_total_tasks: tasks.total,
        ratchet_jobs_by_status: {},
        ratchet_job_duration_seconds: []
    };
    
    // Group jobs by status
    jobs.items.forEach(job => {
        metrics.ratchet_jobs_by_status[job.status] = 
            (metrics.ratchet_jobs_by_status[job.status] || 0) + 1;
        
        if (job.completed_at && job.created_at) {
            const duration = (new Date(job.completed_at) - new Date(job.created_at)) / 1000;
            metrics.ratchet_job_duration_seconds.push(duration);
        }
    });
    
    // Format as Prometheus metrics
    let output = '';
    output += `# HELP ratchet_total_tasks Total number of tasks\n`;
    output += `# TYPE ratchet_total_tasks gauge\n`;
    output += `ratchet_total_tasks ${metrics.ratchet_total_tasks}\n\n`;
    
    output += `# HELP ratchet_jobs_total Total number of jobs by status\n`;
    output += `# TYPE ratchet_jobs_total counter\n`;
    Object.entries(metrics.ratchet_jobs_by_status).forEach(([status, count]) => {
        output += `ratchet_jobs_total{status="${status}"} ${count}\n`;
    });
    
    return {
        metrics: output,
        format: "prometheus"
    };
})
