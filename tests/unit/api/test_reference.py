from __future__ import annotations

import pytest

from ratchet_core.api.door.reference import Reference, name_of, read_id, read_reference

UUID = "01a20503-afd6-71c6-870c-6f6955245aba"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("weather-api", Reference("default", "weather-api")),
        ("weather-api@1.2.0", Reference("default", "weather-api", "1.2.0")),
        ("default.echo", Reference("default", "echo")),
    ],
)
def test_a_name_is_in_the_default_namespace(text: str, meant: Reference) -> None:
    assert read_reference(text) == meant


def test_a_dotted_name_may_be_namespace_and_name_or_one_name() -> None:
    found = read_reference("payments.refund@2.0.0-rc.1")

    assert found == Reference(
        "payments",
        "refund",
        "2.0.0-rc.1",
        other=Reference("default", "payments.refund", "2.0.0-rc.1"),
    )


def test_a_uuid_is_told_apart() -> None:
    found = read_reference(UUID.upper())

    assert found is not None
    assert found.uuid == UUID


@pytest.mark.parametrize(
    "text",
    ["", "@1.0.0", "a@", "a@1", "a@latest", "a b", "a\x00b", "../etc", "a/b", "ä", ".a", "a" * 500],
)
def test_what_no_task_can_be_named_is_nothing(text: str) -> None:
    assert read_reference(text) is None


def test_names_of_the_default_namespace_are_bare() -> None:
    assert name_of("default", "echo") == "echo"
    assert name_of("shop", "echo") == "shop.echo"


@pytest.mark.parametrize("text", ["", "1", "abc", UUID + "0", UUID.replace("-", ""), "{" + UUID])
def test_only_canonical_uuids_are_ids(text: str) -> None:
    assert read_id(text) is None
    assert read_id(UUID.upper()) == UUID
