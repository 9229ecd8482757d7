"""The doors, HTTP and GraphQL: they translate calls to verbs and back, and hold no rules."""
