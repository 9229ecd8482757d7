"""Tests that the list of settings is whole and that the committed reference says the same."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from ratchet_core.config import Settings, describe, load_settings
from ratchet_core.config.catalogue import entries
from ratchet_core.config.inert import INERT_KEYS
from ratchet_core.config.reference import render

REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "settings.md"


def test_the_committed_reference_is_what_the_code_says() -> None:
    assert REFERENCE.read_text(encoding="utf-8") == render(), (
        "run: python -m ratchet_core.config.reference docs/reference/settings.md"
    )


def test_the_reference_names_every_key_and_variable() -> None:
    text = render()

    for entry in entries():
        for name in (*entry.setting.keys, *entry.env):
            assert f"`{name}`" in text
    for inert in INERT_KEYS:
        assert f"`{inert.key}`" in text


def test_no_key_and_no_variable_means_two_things() -> None:
    keys = Counter(key for entry in entries() for key in entry.setting.keys)
    keys.update(inert.key for inert in INERT_KEYS)
    variables = Counter(name for entry in entries() for name in entry.env)
    variables.update(name for inert in INERT_KEYS for name in inert.env)

    assert [name for name, count in (keys + variables).items() if count > 1] == []


def test_no_key_is_also_a_section() -> None:
    keys = {key for entry in entries() for key in entry.setting.keys}
    keys.update(inert.key for inert in INERT_KEYS)

    sections = {key.rpartition(".")[0] for key in keys}
    assert sorted(sections & keys) == []


def test_every_setting_is_described_and_says_what_it_does() -> None:
    described = describe(Settings())

    for entry in entries():
        value: object = described
        for name in entry.path.split("."):
            assert isinstance(value, dict)
            value = value[name]
        assert len(entry.setting.doc) > 20
        assert entry.setting.keys


def test_every_default_would_be_accepted_as_a_value(tmp_path: Path) -> None:
    overrides: dict[str, object] = {}
    for entry in entries():
        default = entry.default
        if isinstance(default, int | float) and not isinstance(default, bool):
            default = default / entry.setting.scale
            default = int(default) if default == int(default) else default
        if default not in ("", None) and entry.setting.in_environment:
            overrides[entry.path] = default

    loaded = load_settings(None, {}, overrides, directory=tmp_path)

    assert describe(loaded.settings) == describe(
        load_settings(None, {}, directory=tmp_path).settings
    )
