"""Definitions from files and packages: found, read, checked, and handed out as values.

`loader.load_definitions` is the way in; `handlers.HandlerTable` finds the code of a step at run
time. Nothing here stores anything: the engine does.
"""
