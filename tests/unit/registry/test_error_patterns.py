"""Known errors: the built-in ones, and those of a YAML file."""

from __future__ import annotations

from pathlib import Path

import pytest

from ratchet_core.domain.error_pattern import BUILT_IN, CATEGORIES, recognise
from ratchet_core.errors import ConfigurationError
from ratchet_core.registry.error_patterns import load_error_patterns


@pytest.mark.parametrize(
    ("message", "name"),
    [
        ("sqlite3.OperationalError: database is locked", "database_locked"),
        ("FATAL: sorry, too many clients already", "connection_pool_exhausted"),
        ("the database connection timed out", "db_connection_timeout"),
        ("[Errno -2] Name or service not known", "dns_resolution_failed"),
        ("certificate verify failed: self-signed certificate", "ssl_certificate_error"),
        ("HTTP 429 Too Many Requests", "rate_limited"),
        ("Task 'x' not found", "task_not_found"),
        ("the request timed out after 5 s", "http_timeout"),
        ("connection refused by 10.0.0.1", "connection_refused"),
        ("the worker was silent for longer than its lease", "worker_lost"),
    ],
)
def test_ratchet_113_known_errors_are_recognised(message: str, name: str) -> None:
    found = recognise(BUILT_IN, "Error", message)

    assert found is not None
    assert found.name == name
    assert found.suggestion


def test_what_nobody_knows_is_not_recognised() -> None:
    assert recognise(BUILT_IN, "Error", "the flux capacitor is dry") is None


def test_built_in_patterns_have_names_and_categories_of_their_own() -> None:
    assert len({pattern.name for pattern in BUILT_IN}) == len(BUILT_IN)
    assert {pattern.category for pattern in BUILT_IN} <= set(CATEGORIES)


@pytest.mark.parametrize("head", ["", "patterns:\n", "error_patterns:\n"])
def test_ratchet_113_a_file_adds_patterns(tmp_path: Path, head: str) -> None:
    file = tmp_path / "patterns.yaml"
    file.write_text(
        head
        + r"""- name: out_of_stock
  regex: 'sku \d+ is gone'
  error_type: StockError
  category: validation
  suggestion: Order more.
- name: any_flux
  regex: flux
""",
        encoding="utf-8",
    )

    patterns = load_error_patterns(file)

    stock = recognise(patterns, "StockError", "SKU 12 is gone")
    assert stock is not None
    assert (stock.name, stock.category, stock.suggestion) == (
        "out_of_stock",
        "validation",
        "Order more.",
    )
    assert recognise(patterns, "OtherError", "sku 12 is gone") is None
    assert recognise(patterns, "OtherError", "no flux") == patterns[1]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("- name: x\n  regex: '('\n", "pattern 1: regex is no regular expression"),
        ("- name: x\n", "pattern 1: regex must be a text"),
        ("- regex: x\n", "pattern 1: name must be a text"),
        ("- name: x\n  regex: y\n  severity: 3\n", "unknown key 'severity'"),
        ("- name: x\n  regex: y\n  category: z\n", "category must be one of network"),
        ("- name: x\n  regex: y\n- name: x\n  regex: z\n", "the name 'x' stands twice"),
        ("- 7\n", "pattern 1: must be a mapping"),
        ("name: x\n", "must be a list of patterns"),
        ("- [", "patterns.yaml"),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(tmp_path: Path, text: str, reason: str) -> None:
    file = tmp_path / "patterns.yaml"
    file.write_text(text, encoding="utf-8")

    with pytest.raises(ConfigurationError) as refused:
        load_error_patterns(file)

    assert reason in refused.value.message
    assert str(file) in refused.value.message


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_error_patterns(tmp_path / "absent.yaml")
