"""Tokens with which scripts read their own server, on both databases."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from sqlalchemy import select, text, update

from ratchet_core.access.self_access import USE_S, SelfAuthenticator, SelfTokens
from ratchet_core.errors import AuthenticationFailed
from ratchet_core.sdk.authentication import RequestView
from ratchet_core.store.database import Database
from ratchet_core.store.schema import self_tokens


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tokens(database: Database, clock: Clock) -> SelfTokens:
    numbers: Iterator[int] = itertools.count()
    return SelfTokens(database, lambda: f"canary-{next(numbers)}", clock)


def bearing(token: str) -> RequestView:
    return RequestView(method="GET", path="/", headers={"authorization": f"Bearer {token}"})


def test_a_token_stands_for_the_scripts_of_one_namespace(
    tokens: SelfTokens, database: Database
) -> None:
    found = SelfAuthenticator(database).authenticate(bearing(tokens.token("shop")))

    assert found is not None
    assert (found.id, found.roles, found.namespaces) == ("shop", ("viewer",), ("shop",))


def test_nothing_that_is_stored_is_the_token(tokens: SelfTokens, database: Database) -> None:
    tokens.token("shop")

    with database.read() as tx:
        assert "canary" not in str(tx.execute(text("SELECT * FROM self_tokens")).all())


def test_a_process_uses_a_token_for_a_while_and_then_makes_another(
    tokens: SelfTokens, clock: Clock
) -> None:
    first = tokens.token("shop")

    assert tokens.token("shop") == first
    assert tokens.token("bank") != first
    clock.now += USE_S
    assert tokens.token("shop") != first


def test_an_ended_token_lets_nobody_in_and_is_forgotten(
    tokens: SelfTokens, database: Database
) -> None:
    token = tokens.token("shop")
    database.transact(lambda tx: tx.execute(update(self_tokens).values(expires_at=1)))

    with pytest.raises(AuthenticationFailed):
        SelfAuthenticator(database).authenticate(bearing(token))
    tokens.token("bank")
    with database.read() as tx:
        assert tx.execute(select(self_tokens.c.namespace)).scalars().all() == ["bank"]


@pytest.mark.parametrize("token", ["rts_", "rts_canary-9", "rts_" + "x" * 5000])
def test_an_unknown_token_is_refused(database: Database, token: str) -> None:
    with pytest.raises(AuthenticationFailed):
        SelfAuthenticator(database).authenticate(bearing(token))


@pytest.mark.parametrize("token", ["eyJ.x.y", "rtk_abc", "RTS_canary"])
def test_other_credentials_are_left_to_others(database: Database, token: str) -> None:
    assert SelfAuthenticator(database).authenticate(bearing(token)) is None
    plain = RequestView(method="GET", path="/", headers={})
    assert SelfAuthenticator(database).authenticate(plain) is None
