// Scores customers by recency, frequency and revenue, 1 to 5 each, and names their segment.
// A script as one step of a workflow: it reads the result of the step before it from
// context.results, and what it returns is the result that the next step reads.
(function (input, context) {
    const { customers } = context.results.collect_customers;
    if (!Array.isArray(customers)) {
        throw new DataError('collect_customers returned no list of customers');
    }

    const recency = ranks(customers, customer => -customer.days_since_last);
    const frequency = ranks(customers, customer => customer.orders);
    const money = ranks(customers, customer => Number(customer.revenue));
    reportProgress({ progress: 0.5, step: 'ranked', message: `${customers.length} customers` });

    return {
        customers: customers.map((customer, index) => ({
            ...customer,
            score: `${recency[index]}${frequency[index]}${money[index]}`,
            segment: segmentOf(recency[index], frequency[index], money[index])
        }))
    };

    // The fifth of the list that each value falls into, 5 being the highest; equal values share one.
    function ranks(list, valueOf) {
        const sorted = list.map(valueOf).sort((a, b) => a - b);
        return list.map(item => 1 + Math.floor(5 * sorted.indexOf(valueOf(item)) / sorted.length));
    }

    function segmentOf(recent, often, much) {
        if (recent >= 4 && often + much >= 9) {
            return 'champion';
        }
        if (recent >= 3) {
            return often >= 3 ? 'loyal' : 'promising';
        }
        return often + much >= 5 ? 'at risk' : 'lost';
    }
})
