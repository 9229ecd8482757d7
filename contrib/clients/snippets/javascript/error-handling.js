try {
    const result = await ratchetClient.executeTask(taskId, input);
    // Process result
} catch (error) {
    if (error.status === 429) {
        // Handle rate limiting
        await sleep(error.retryAfter * 1000);
        return retry();
    } else if (error.status === 404) {
        // Handle not found
        console.error(`Task ${taskId} not found`);
    } else {
        // Handle other errors
        throw error;
    }
}
