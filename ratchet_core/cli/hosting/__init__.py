"""Processes that `ratchet up` starts, watches, starts again and ends."""
