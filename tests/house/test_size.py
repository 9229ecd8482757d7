"""Files and functions stay small enough to be read at one go."""

from __future__ import annotations

import ast

from tests.house.tree import is_revision, is_test, nodes_of, place, python_files

FILE_LINES = 500
FUNCTION_LINES = 60


def test_no_file_is_longer_than_the_hard_limit() -> None:
    too_long = [
        f"{place(path, 1)}: {count} lines"
        for path in python_files()
        if not is_revision(path)
        and (count := path.read_text(encoding="utf-8").count("\n")) > FILE_LINES
    ]

    assert too_long == []


def test_no_function_is_longer_than_the_hard_limit() -> None:
    too_long = [
        f"{place(path, node.lineno)} {node.name}: {count} lines"
        for path in python_files()
        if not (is_revision(path) or is_test(path))
        for node in nodes_of(path)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (count := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES
    ]

    assert too_long == []
