"""What every door shares: calls and their ids, problem bodies, strict bodies, paging, origins."""
