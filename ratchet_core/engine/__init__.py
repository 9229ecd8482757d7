"""The verbs: submit, claim, execute, conclude, cancel, retry, release, reap, and definitions.

Each verb decides with `domain` and writes with `store`. HTTP, queues and processes are not here.
"""
