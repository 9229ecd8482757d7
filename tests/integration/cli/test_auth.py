"""`ratchet auth`: keys and tokens are made, shown once, checked and ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.cli.conftest import Ratchet, caller, document


@pytest.fixture
def ratchet(tmp_path: Path) -> Ratchet:
    """Give a function that runs one command over a database of today's schema."""
    call = caller(tmp_path)
    upgraded = call("db", "upgrade")
    assert upgraded.returncode == 0, upgraded.stderr
    return call


SECRET = {"RATCHET_JWT_SECRET": "canary-jwt-secret-0123456789-0123456789"}


def test_a_key_is_shown_once_listed_without_its_secret_and_ended(ratchet: Ratchet) -> None:
    made = ratchet("auth", "key", "create", "ci", "--role", "viewer@shop", "--expires-in", "30d")
    key, prefix = made.stdout.strip(), made.stdout.split("_")[1]

    assert made.returncode == 0, made.stderr
    assert prefix in made.stderr
    listed = ratchet("--json", "auth", "key", "list")
    [entry] = document(listed)["keys"]
    assert (entry["prefix"], entry["roles"]) == (prefix, ["viewer@shop"])
    assert key.rpartition("_")[2] not in listed.stdout
    assert ratchet("auth", "key", "revoke", prefix).returncode == 0
    assert document(ratchet("--json", "auth", "key", "list"))["keys"][0]["revoked_at"]
    again = ratchet("auth", "key", "revoke", prefix)
    assert (again.returncode, again.stdout) == (1, "")


def test_a_token_is_recognised_with_its_rights(ratchet: Ratchet) -> None:
    grants = ("--role", "viewer", "--permission", "run:cancel@shop", "--namespace", "shop")
    made = ratchet("auth", "token", "create", "--subject", "bob", *grants, **SECRET)

    known = ratchet("--json", "auth", "token", "verify", given=made.stdout, **SECRET)

    told = document(known)
    assert told["principal"] == "jwt:bob"
    assert (told["roles"], told["permissions"]) == (["viewer"], ["run:cancel@shop"])
    assert told["namespaces"] == ["shop"]
    assert told["expires_at"]


def test_what_is_no_token_is_refused_without_being_repeated(ratchet: Ratchet) -> None:
    told = ratchet("auth", "token", "verify", given="canary-no-token\n", **SECRET)

    assert told.returncode == 1
    assert "canary" not in told.stdout + told.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("key", "create", "ci"), 2, "say what the key may do"),
        (("key", "create", "ci", "--role", "root"), 1, "roles are viewer, operator"),
        (("key", "create", "ci", "--permission", "run:explode"), 1, "is no permission"),
        (("key", "create", "ci", "--role", "viewer", "--expires-in", "5x"), 2, "no duration"),
        (("key", "revoke", "nonsense"), 1, "there is no key 'nonsense'"),
        (("token", "create", "--subject", "a", "--role", "king"), 2, "'king' is no role"),
        (("token", "create", "--subject", " "), 2, "1 to 200 printable characters"),
        (("token", "create", "--subject", "x" * 201), 2, "1 to 200 printable characters"),
        (("token", "create", "--subject", "a"), 3, "authentication is off"),
        (("token", "verify", "eyJ"), 3, "authentication is off"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(
    ratchet: Ratchet, arguments: tuple[str, ...], code: int, told: str
) -> None:
    ended = ratchet("auth", *arguments)

    assert ended.returncode == code
    assert told in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_table_of_permissions_names_every_role(ratchet: Ratchet) -> None:
    roles = document(ratchet("--json", "auth", "permissions"))

    assert set(roles) == {"viewer", "operator", "author", "admin"}
    assert "run:cancel" not in roles["viewer"]
    assert set(roles["viewer"]) < set(roles["operator"]) < set(roles["author"])
