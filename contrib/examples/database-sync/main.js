// database-sync.js
(function(input) {
    // Fetch data from external API representing database
    const users = fetch('https://api.example.com/users', {
        headers: {
            'Authorization': `Bearer ${input.api_token}`
        }
    }).body;
    
    // Transform data
    const transformedUsers = users.map(user => ({
        id: user.id,
        name: user.full_name,
        email: user.email_address,
        last_sync: new Date().toISOString()
    }));
    
    // Return for storage in Ratchet or forwarding
    return {
        synced_count: transformedUsers.length,
        users: transformedUsers
    };
})
