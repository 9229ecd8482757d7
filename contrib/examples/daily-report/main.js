// One day of an environment, beside the day before and the average of the week before.
(function(input) {
    const environment = input.environment ?? 'production';
    const date = requireDay(input.date ?? dayBefore(new Date().toISOString().split('T')[0], 1));

    const hours = hoursOf(environment, date);
    const figures = totalsOf(hours);
    const before = totalsOf(hoursOf(environment, dayBefore(date, 1)));
    const week = [1, 2, 3, 4, 5, 6, 7].map(days => totalsOf(hoursOf(environment, dayBefore(date, days))));
    const weekAverage = Math.round(week.reduce((sum, day) => sum + day.requests, 0) / week.length);
    const busiest = hours.reduce((most, row) => (row.requests > most.requests ? row : most));
    const change = percent(figures.requests, before.requests);

    return {
        environment,
        date,
        figures,
        compared: {
            day_before: before,
            requests_change_percent: change,
            week_average_requests: weekAverage,
            against_week_percent: percent(figures.requests, weekAverage)
        },
        busiest_hour: busiest,
        hours,
        summary: `${environment} on ${date}: ${figures.requests} requests ` +
            `(${change > 0 ? '+' : ''}${change} % against the day before), ` +
            `${figures.errors} errors (${figures.error_rate_percent} %), ` +
            `busiest at ${String(busiest.hour).padStart(2, '0')}:00`
    };

    function percent(value, base) {
        return base ? Number((100 * (value - base) / base).toFixed(1)) : 0;
    }
})
