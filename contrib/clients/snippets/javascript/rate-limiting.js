class RateLimitedClient {
    constructor(baseURL, requestsPerMinute = 60) {
        this.baseURL = baseURL;
        this.requestsPerMinute = requestsPerMinute;
        this.requestTimes = [];
    }
    
    async request(method, path, data) {
        await this.waitForRateLimit();
        
        const response = await fetch(`${this.baseURL}${path}`, {
            method,
            headers: { 'Content-Type': 'application/json' },
            body: JSON.stringify(data)
        });
        
        this.requestTimes.push(Date.now());
        return response;
    }
    
    async waitForRateLimit() {
        const now = Date.now();
        const oneMinuteAgo = now - 60000;
        
        this.requestTimes = this.requestTimes.filter(time => time > oneMinuteAgo);
        
        if (this.requestTimes.length >= this.requestsPerMinute) {
            const oldestRequest = this.requestTimes[0];
            const waitTime = 60000 - (now - oldestRequest);
            await new Promise(resolve => setTimeout(resolve, waitTime));
        }
    }
}
