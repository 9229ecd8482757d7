// Adds two numbers.
(function(input) {
    const { num1, num2 } = input;
    if (typeof num1 !== 'number' || typeof num2 !== 'number') {
        throw new ValidationError('num1 and num2 must be numbers');
    }
    return { sum: num1 + num2 };
})
