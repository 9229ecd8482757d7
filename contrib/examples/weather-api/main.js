// The weather of a city, from the sample observations in lib/observations.js.
(function(input) {
    const { city, units = 'metric' } = input;
    const wanted = normalise(city);
    const found = observations().find(([name, others]) => [name, ...others].map(normalise).includes(wanted));
    if (found === undefined) {
        throw new NotFoundError(`City not found: ${city}`);
    }

    const [name, , country, celsius, humidity, pressure, windSpeed, description] = found;
    const imperial = units === 'imperial';
    const temperature = value => toOneDecimal(imperial ? toFahrenheit(value) : value);
    const unit = imperial ? '°F' : '°C';
    return {
        city: name,
        country,
        units,
        temperature: temperature(celsius),
        feels_like: temperature(feelsLike(celsius, humidity, windSpeed)),
        temperature_unit: unit,
        humidity,
        pressure_hpa: pressure,
        wind_speed: toOneDecimal(imperial ? toMilesPerHour(windSpeed) : windSpeed),
        wind_unit: imperial ? 'mph' : 'm/s',
        description,
        summary: `${name}: ${temperature(celsius)} ${unit}, ${description}`,
        source: 'sample observations'
    };

    // Case, accents and blanks do not matter, so MÜNCHEN is münchen is munchen.
    function normalise(text) {
        return text.normalize('NFD').replace(/[\u0300-\u036f]/g, '').toLowerCase().replace(/\s+/g, ' ').trim();
    }
})
