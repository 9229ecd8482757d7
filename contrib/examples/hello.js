// The smallest task: one file, one function. Its name is the file's.
(function(input, context) {
    const name = String(input.name ?? 'world').trim() || 'world';
    console.log(`greeting ${name}`);
    return { message: `Hello, ${name}!`, task: context?.taskId ?? null, attempt: context?.attempt ?? 1 };
})
