"""Who is let in, and what is decided where."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

import pytest

from ratchet_core.access.chain import REFUSAL, AuthenticatorChain
from ratchet_core.access.gate import Access, Rules
from ratchet_core.errors import AuthenticationFailed, AuthorizationFailed
from ratchet_core.sdk import (
    Authenticator,
    AuthorizationCoordinator,
    Principal,
    RequestView,
)

CANARY = "canary-secret-0123456789"
REQUEST = RequestView(
    method="GET", path="/", headers={"authorization": f"Bearer {CANARY}"}, address="127.0.0.1"
)


class Answers(Authenticator):
    """Gives one answer to everything."""

    def __init__(self, answer: Principal | Exception | None) -> None:
        self.answer = answer

    def authenticate(self, request: RequestView) -> Principal | None:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def chain(*answers: Principal | Exception | None) -> AuthenticatorChain:
    return AuthenticatorChain([(f"a{i}", Answers(answer)) for i, answer in enumerate(answers)])


def gate(*, everybody: bool, coordinator: AuthorizationCoordinator | None = None) -> Access:
    rules = Rules(checks_everybody=everybody, coordinator=coordinator)
    return Access(chain(None), rules, lambda: ("payments", "reports"))


def test_the_first_authenticator_that_knows_the_caller_names_it() -> None:
    known = chain(None, Principal(id="alice"), Principal(id="bob")).authenticate(REQUEST)

    assert known.name == "a1:alice"


def test_an_authenticator_cannot_pose_as_another() -> None:
    known = chain(Principal(id="alice", authenticator="other")).authenticate(REQUEST)

    assert known.name == "a0:alice"


@pytest.mark.parametrize(
    "answers",
    [
        (),
        (None, None),
        (ValueError("no"), Principal(id="alice")),
        (AuthenticationFailed("no"),),
        (Principal(id=""),),
        (Principal(id="x" * 201),),
        (Principal(id="a\nb"),),
        (Principal(id="alice", expires_at=datetime.now(UTC) - timedelta(seconds=1)),),
    ],
)
def test_whatever_fails_is_refused_in_the_same_words(
    answers: tuple[Principal | Exception | None, ...],
) -> None:
    with pytest.raises(AuthenticationFailed) as refused:
        chain(*answers).authenticate(REQUEST)

    assert refused.value.message == REFUSAL


def test_the_log_of_a_refusal_holds_no_credentials(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    with pytest.raises(AuthenticationFailed):
        chain(ValueError(f"cannot read {CANARY}")).authenticate(REQUEST)

    assert "ValueError" in caplog.text
    assert CANARY not in caplog.text


def test_while_authentication_is_off_everything_is_allowed() -> None:
    off = Access(None, Rules(), lambda: ())

    off.authorize(off.authenticate(REQUEST), "key:write", "payments")
    assert off.visible(None, "run:read") is None


def test_nobody_may_do_nothing_while_it_is_on() -> None:
    assert not gate(everybody=False).allows(None, "run:read", "payments")


def test_without_authorization_a_known_caller_may_do_everything() -> None:
    assert gate(everybody=False).allows(Principal(id="alice"), "key:write", "")


def test_without_authorization_credentials_that_name_limits_are_held_to_them() -> None:
    access = gate(everybody=False)

    assert not access.allows(Principal(id="a", roles=("viewer",)), "run:cancel", "payments")
    assert not access.allows(Principal(id="a", permissions=("x",)), "run:read", "payments")
    assert not access.allows(Principal(id="a", namespaces=("payments",)), "run:read", "reports")
    assert access.allows(Principal(id="a", namespaces=("payments",)), "run:delete", "payments")


def test_with_authorization_a_caller_without_rights_may_do_nothing() -> None:
    with pytest.raises(AuthorizationFailed, match=r"^Insufficient permissions for run:read$"):
        gate(everybody=True).authorize(Principal(id="alice"), "run:read")


def test_a_dialect_may_spell_the_permission_that_is_missing() -> None:
    with pytest.raises(AuthorizationFailed, match=r"tasker\.handler:index"):
        gate(everybody=True).authorize(
            Principal(id="alice"), "workflow:read", spelled="tasker.handler:index"
        )


def test_what_is_allowed_in_one_namespace_is_allowed_somewhere() -> None:
    access = gate(everybody=True)
    alice = Principal(id="alice", roles=("operator@pay*",))

    access.authorize(alice, "run:cancel")
    access.authorize(alice, "run:cancel", "payments")
    assert access.visible(alice, "run:read") == ("payments",)
    with pytest.raises(AuthorizationFailed):
        access.authorize(alice, "run:cancel", "reports")


def test_a_coordinator_decides_in_place_of_the_roles() -> None:
    class OnlyReports(AuthorizationCoordinator):
        def allows(self, principal: Principal, permission: str, namespace: str) -> bool:
            return namespace == "reports"

    access = gate(everybody=True, coordinator=OnlyReports())
    admin = Principal(id="alice", roles=("admin",))

    assert access.visible(admin, "run:read") == ("reports",)
    assert not access.allows(admin, "run:read", "payments")


def test_a_coordinator_that_fails_allows_nothing() -> None:
    class Broken(AuthorizationCoordinator):
        def allows(self, principal: Principal, permission: str, namespace: str) -> bool:
            raise RuntimeError("no")

    access = gate(everybody=True, coordinator=Broken())

    assert not access.allows(Principal(id="alice", roles=("admin",)), "run:read", "payments")


class AllowsAll(AuthorizationCoordinator):
    """Lets everybody do everything."""

    def allows(self, principal: Principal, permission: str, namespace: str) -> bool:
        return True


@pytest.mark.parametrize("coordinator", [None, AllowsAll()])
@pytest.mark.parametrize("everybody", [True, False])
def test_a_script_reads_its_own_namespace_and_does_no_more_whoever_decides(
    *, everybody: bool, coordinator: AuthorizationCoordinator | None
) -> None:
    access = gate(everybody=everybody, coordinator=coordinator)
    script = Principal(
        id="payments", roles=("viewer",), namespaces=("payments",), authenticator="self"
    )

    assert access.allows(script, "run:read", "payments")
    assert not access.allows(script, "run:read", "reports")
    assert not access.allows(script, "run:read", "")
    assert not access.allows(script, "run:cancel", "payments")
    assert not access.allows(script, "workflow:run", "payments")
    assert not access.allows(script, "audit:read", "payments")
    assert access.visible(script, "run:read") == ("payments",)
