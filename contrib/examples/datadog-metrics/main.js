// datadog-metrics.js
(function(input) {
    const executions = fetch('http://localhost:8080/api/v1/executions?limit=100').body;
    
    const metrics = executions.items.map(exec => ({
        metric: "ratchet.execution.duration",
        points: [[
            Math.floor(new Date(exec.created_at).getTime() / 1000),
            exec.duration_ms / 1000
        ]],
        tags: [
            `task:${exec.task_id}`,
            `status:${exec.status}`,
            `environment:${input.environment}`
        ]
    }));
    
    // Send to Datadog API
    const response = fetch('https://api.datadoghq.com/api/v1/series', {
        method: 'POST',
        headers: {
            'Content-Type': 'application/json',
            'DD-API-KEY': input.datadog_api_key
        },
        body: JSON.stringify({ series: metrics })
    });
    
    return {
        metrics_sent: metrics.length,
        status: response.status
    };
})
