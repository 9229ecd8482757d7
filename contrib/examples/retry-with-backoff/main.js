// Fetches again and again, with pauses that double. Shown here: async main, setTimeout, console.
// It is for short pauses within one execution. For long ones throw a ServiceUnavailableError and
// leave it to the retries of the task: they hold no worker while they wait.
async function main(input) {
    const { url, attempts = 4, first_delay_ms = 200 } = input;
    const pauses = [];

    for (let attempt = 1; attempt <= attempts; attempt++) {
        let reason;
        try {
            const response = await fetch(url);
            if (response.ok) {
                return { attempts: attempt, pauses_ms: pauses, status: response.status, body: response.body };
            }
            reason = `${response.status} ${response.statusText}`;
            if (response.status < 500 && response.status !== 429) {
                throw new HttpError(response.status, `${url} answered ${reason}`);
            }
        } catch (error) {
            if (!(error instanceof NetworkError || error instanceof TimeoutError)) {
                throw error;
            }
            reason = error.message;
        }
        if (attempt === attempts) {
            throw new ServiceUnavailableError(`${url} failed ${attempts} times, at last with ${reason}`);
        }
        const pause = first_delay_ms * Math.pow(2, attempt - 1);
        console.log(`attempt ${attempt} of ${attempts} failed with ${reason}; the next in ${pause} ms`);
        pauses.push(pause);
        await new Promise(resolve => setTimeout(resolve, pause));
    }
}
