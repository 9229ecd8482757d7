async function* getAllJobs(client) {
    let offset = 0;
    const limit = 100;
    
    while (true) {
        const response = await client.get('/api/v1/jobs', {
            params: { limit, offset }
        });
        
        yield* response.data.items;
        
        if (response.data.items.length < limit) {
            break;
        }
        
        offset += limit;
    }
}
