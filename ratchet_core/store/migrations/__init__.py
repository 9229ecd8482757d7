"""How a database of any age becomes today's; each file in `versions/` is one step."""
