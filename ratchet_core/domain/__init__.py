"""The pure heart: workflows, graphs, states, retry, outcomes, plans, events, views.

Data and time come in, data goes out. No input or output, no clock, no randomness of its own.
"""
