// Sample observations, one per city, in metric units: this is the data that weather-api answers
// from. They are typical of the place, not measured today.
// [city, other names, country, temperature °C, humidity %, pressure hPa, wind m/s, description]

function observations() {
    return [
        ['Amsterdam', [], 'NL', 10.6, 84, 1014, 5.9, 'light rain'],
        ['Athens', ['Athina'], 'GR', 21.8, 55, 1016, 3.6, 'clear sky'],
        ['Berlin', [], 'DE', 9.4, 76, 1015, 3.9, 'broken clouds'],
        ['Buenos Aires', [], 'AR', 18.2, 71, 1013, 4.1, 'few clouds'],
        ['Cairo', ['Al Qahirah'], 'EG', 27.3, 38, 1012, 4.4, 'clear sky'],
        ['Cape Town', ['Kaapstad'], 'ZA', 19.1, 68, 1017, 6.7, 'few clouds'],
        ['Chicago', [], 'US', -3.5, 66, 1021, 6.2, 'light snow'],
        ['Copenhagen', ['København'], 'DK', 7.9, 82, 1011, 6.1, 'overcast clouds'],
        ['Dublin', ['Baile Átha Cliath'], 'IE', 9.7, 83, 1009, 5.8, 'light rain'],
        ['Helsinki', [], 'FI', 2.1, 85, 1010, 4.6, 'overcast clouds'],
        ['Lisbon', ['Lisboa'], 'PT', 18.4, 65, 1019, 4.2, 'scattered clouds'],
        ['London', [], 'GB', 11.3, 79, 1012, 4.6, 'light rain'],
        ['Madrid', [], 'ES', 16.7, 48, 1018, 2.9, 'clear sky'],
        ['Melbourne', [], 'AU', 16.2, 66, 1015, 5.1, 'scattered clouds'],
        ['Mexico City', ['Ciudad de México'], 'MX', 18.9, 51, 1024, 2.3, 'few clouds'],
        ['Montreal', ['Montréal'], 'CA', -6.8, 71, 1018, 4.3, 'light snow'],
        ['Mumbai', ['Bombay'], 'IN', 29.6, 78, 1008, 3.8, 'haze'],
        ['Munich', ['München', 'Muenchen'], 'DE', 8.2, 77, 1018, 2.7, 'mist'],
        ['Nairobi', [], 'KE', 21.4, 59, 1021, 3.9, 'scattered clouds'],
        ['New York', ['New York City', 'NYC'], 'US', 12.5, 63, 1016, 4.9, 'clear sky'],
        ['Oslo', [], 'NO', 4.3, 75, 1012, 2.8, 'light snow'],
        ['Paris', [], 'FR', 12.8, 75, 1014, 3.7, 'overcast clouds'],
        ['Prague', ['Praha'], 'CZ', 8.8, 76, 1016, 3.2, 'broken clouds'],
        ['Reykjavik', ['Reykjavík'], 'IS', 3.2, 80, 998, 8.9, 'light rain'],
        ['Rome', ['Roma'], 'IT', 17.6, 67, 1016, 2.8, 'clear sky'],
        ['San Francisco', ['SF'], 'US', 14.6, 74, 1017, 4.7, 'fog'],
        ['São Paulo', [], 'BR', 20.7, 77, 1018, 2.6, 'light rain'],
        ['Seoul', [], 'KR', 13.1, 60, 1018, 2.5, 'clear sky'],
        ['Singapore', [], 'SG', 29.8, 82, 1009, 2.2, 'thunderstorm'],
        ['Stockholm', [], 'SE', 5.6, 79, 1011, 3.9, 'overcast clouds'],
        ['Sydney', [], 'AU', 19.5, 64, 1017, 4.8, 'few clouds'],
        ['Tokyo', ['Tōkyō'], 'JP', 16.9, 62, 1015, 3.1, 'scattered clouds'],
        ['Toronto', [], 'CA', -1.9, 72, 1019, 4.5, 'overcast clouds'],
        ['Vienna', ['Wien'], 'AT', 10.1, 72, 1016, 3.6, 'broken clouds'],
        ['Warsaw', ['Warszawa'], 'PL', 7.7, 78, 1014, 3.8, 'mist'],
        ['Zurich', ['Zürich', 'Zuerich'], 'CH', 8.5, 78, 1018, 2.4, 'light rain']
    ];
}
