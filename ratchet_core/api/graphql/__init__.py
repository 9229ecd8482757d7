"""`/graphql`: the Ratchet dialect as a graph, with live subscriptions and a playground."""
