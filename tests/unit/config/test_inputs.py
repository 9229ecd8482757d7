"""Input sources in the configuration: what is read, and what is refused with which words."""

from __future__ import annotations

from pathlib import Path

import pytest

from ratchet_core.config import Settings, describe, load_settings
from ratchet_core.errors import ConfigurationError

GOOD = """\
input:
  sources:
    - name: orders
      type: redis-stream
      workflow: shop.order@1.2.0
      ack: result
      requeue: 2
      options:
        url: "redis://:${PASSWORD}@db"
    - name: github
      type: webhook
      verify: github
      workflow: hooks
      webhook_secret: "${HOOK_SECRET}"
"""


def load(folder: Path, text: str) -> Settings:
    path = folder / "ratchet.yaml"
    path.write_text(text, encoding="utf-8")
    return load_settings(path, {"PASSWORD": "hunter22", "HOOK_SECRET": "s3cr3t-hook"}).settings


def test_sources_are_read_with_their_variables_resolved(tmp_path: Path) -> None:
    orders, github = load(tmp_path, GOOD).input.sources

    assert (orders.kind, orders.workflow, orders.ack) == (
        "redis-stream",
        "shop.order@1.2.0",
        "result",
    )
    assert orders.options["url"] == "redis://:hunter22@db"
    assert orders.requeue == 2
    assert github.kind == "github"
    assert github.is_webhook
    assert github.webhook_secret is not None
    assert github.webhook_secret.reveal() == "s3cr3t-hook"


def test_no_secret_of_a_source_is_shown(tmp_path: Path) -> None:
    settings = load(tmp_path, GOOD)

    shown = f"{describe(settings)} {settings.input.sources}"
    assert "s3cr3t-hook" not in shown
    assert "hunter22" not in shown


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("workfow: order", "unknown key; did you mean 'workflow'?"),
        ("ack: sometimes", "expected one of stored, result"),
        ("requeue: 3", "only with `ack: result`"),
        ("webhook_secret: abc", "only `type: webhook` can have it"),
        ("verify: github", "only `type: webhook` can have it"),
        ("options: [1]", "expected a mapping"),
        ('workflow: "${NOBODY_SETS_THIS}"', "NOBODY_SETS_THIS"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path: Path, line: str, message: str) -> None:
    lines = {"name": "orders", "type": "redis-stream", "workflow": "order"}
    key, _, value = line.partition(": ")
    lines[key] = value
    block = "\n".join(f"      {name}: {item}" for name, item in lines.items())

    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, f"input:\n  sources:\n    -\n{block}\n")

    assert message in str(caught.value)
    assert "input.sources[0]" in str(caught.value) or "NOBODY" in str(caught.value)


def test_a_webhook_says_how_it_is_verified(tmp_path: Path) -> None:
    text = "input: {sources: [{name: a, type: webhook, workflow: b}]}"

    with pytest.raises(ConfigurationError, match="the key 'verify' is missing"):
        load(tmp_path, text)


@pytest.mark.parametrize("name", ["a/b", "..", "ä", "x" * 65])
def test_a_name_can_stand_in_a_path(tmp_path: Path, name: str) -> None:
    text = f"input: {{sources: [{{name: '{name}', type: t, workflow: b}}]}}"

    with pytest.raises(ConfigurationError, match="letters, digits"):
        load(tmp_path, text)


def test_two_sources_have_two_names(tmp_path: Path) -> None:
    one = "{name: a, type: t, workflow: b}"

    with pytest.raises(ConfigurationError, match="two sources are named 'a'"):
        load(tmp_path, f"input: {{sources: [{one}, {one}]}}")
