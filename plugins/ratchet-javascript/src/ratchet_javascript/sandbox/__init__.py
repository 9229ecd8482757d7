"""The sandbox process: the JavaScript engine, what scripts see of it, and its confinement.

Runs in an interpreter of its own that has loaded nothing but this package and the engine; imports
nothing of Ratchet and nothing of the rest of the plugin. The worker's side of the conversation
is in `ratchet_javascript.pool` and `ratchet_javascript.exchange`.
"""
