"""`ratchet config validate` has plugins check what is configured for them."""

from __future__ import annotations

from pathlib import Path

from tests.integration.cli.conftest import Ratchet

BROKEN = """
input:
  sources:
    - {name: hooks, type: webhook, verify: github, workflow: a, options: {secert: x}}
    - {name: jobs, type: redis-stream, workflow: a, options: {}}
output:
  global_destinations:
    - {name: partner, destination: {type: carrier-pigeon}}
"""


def test_every_problem_of_sources_and_destinations_is_named(
    ratchet: Ratchet, tmp_path: Path
) -> None:
    (tmp_path / "ratchet.yaml").write_text(BROKEN, encoding="utf-8")

    ended = ratchet("config", "validate")

    assert ended.returncode == 3
    for text in (
        "input.sources 'hooks': options.secert: unknown key; did you mean 'secret'?",
        "input.sources 'hooks': options.secret: is missing",
        "input.sources 'jobs': options.",
        "'partner': type: no plugin delivers to 'carrier-pigeon'",
    ):
        assert text in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "data" / "ratchet.db").exists()


def test_sound_ones_are_valid(ratchet: Ratchet, tmp_path: Path) -> None:
    source = "{name: hooks, type: webhook, verify: github, workflow: a, options: {secret: x}}"
    text = f"input: {{sources: [{source}]}}"
    (tmp_path / "ratchet.yaml").write_text(text, encoding="utf-8")

    ended = ratchet("config", "validate")

    assert ended.returncode == 0
    assert ended.stdout.endswith("valid\n")
