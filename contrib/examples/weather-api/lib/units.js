// Conversions and what the temperature feels like.

function toFahrenheit(celsius) {
    return celsius * 9 / 5 + 32;
}

function toMilesPerHour(metresPerSecond) {
    return metresPerSecond * 3600 / 1609.344;
}

// Wind chill (Environment Canada) when it is cold and windy, heat index (Steadman's simple form)
// when it is hot, the air temperature between the two.
function feelsLike(celsius, humidity, windSpeed) {
    const windKmh = windSpeed * 3.6;
    if (celsius <= 10 && windKmh > 4.8) {
        const wind = Math.pow(windKmh, 0.16);
        return 13.12 + 0.6215 * celsius - 11.37 * wind + 0.3965 * celsius * wind;
    }
    if (celsius >= 27) {
        const vapour = (humidity / 100) * 6.105 * Math.exp(17.27 * celsius / (237.7 + celsius));
        return celsius + 0.33 * vapour - 0.70 * windSpeed - 4.00;
    }
    return celsius;
}

function toOneDecimal(number) {
    return Math.round(number * 10) / 10;
}
