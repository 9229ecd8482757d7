"""What every authenticator promises (`ratchet_core.sdk.Authenticator`)."""

from __future__ import annotations

import functools
import gc
import weakref
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from ratchet_core.sdk import Authenticator, Principal, RequestView
from ratchet_core.testing.contract import judging
from ratchet_core.testing.fixtures import MakeRatchet
from ratchet_core.testing.values import request_view

_THREADS: Final = 8
_ROUNDS: Final = 25
#: How long one odd request may take, in seconds.
_LOOK_S: Final = 2.0
#: Shorter parts of a header are words such as `Bearer`.
_CREDENTIAL: Final = 8


class _Headers(dict[str, str]):
    """Headers that can be watched."""


class AuthenticatorContract:
    """Inherit it as `class TestMine(AuthenticatorContract)` and override what is yours.

    Fixtures to override: `authenticator`, `good_requests`, `bad_requests`; and, to have more
    looked at, `foreign_requests`, `secrets`, `ratchet_options`.
    """

    @pytest.fixture
    def authenticator(self) -> Authenticator:
        """Give a new authenticator."""
        judging.wanted("authenticator")

    @pytest.fixture
    def good_requests(self) -> Mapping[str, RequestView]:
        """Give requests with valid credentials, by the `id` of their callers; two at least."""
        judging.wanted("good_requests")

    @pytest.fixture
    def bad_requests(self) -> Sequence[RequestView]:
        """Give requests with credentials of this kind that are not valid."""
        judging.wanted("bad_requests")

    @pytest.fixture
    def foreign_requests(self) -> Sequence[RequestView]:
        """Give requests that carry no credentials of this kind."""
        return [
            request_view(),
            request_view({"Authorization": "Unheard-Of abcdefgh"}),
            request_view({"Authorization": ""}),
            request_view({"Cookie": "session=abcdefgh"}),
        ]

    @pytest.fixture
    def secrets(self) -> Sequence[str]:
        """Give the secret texts of the settings, none of which may be told."""
        return ()

    @pytest.fixture
    def ratchet_options(self) -> Mapping[str, Any]:
        """Give what `make_ratchet` needs to ask this authenticator; none skips that test."""
        return {}

    # ── answers ─────────────────────────────────────────────────────────────────────────────────

    def test_configuration_can_name_it(self, authenticator: Authenticator) -> None:
        assert isinstance(authenticator, Authenticator)
        judging.assert_name(authenticator.name)
        assert authenticator.name != Authenticator.name, "set `name` on the class"

    def test_other_credentials_are_left_to_the_next(
        self, authenticator: Authenticator, foreign_requests: Sequence[RequestView]
    ) -> None:
        for request in foreign_requests:
            assert authenticator.authenticate(request) is None, f"of {dict(request.headers)}"

    def test_valid_credentials_name_their_caller(
        self, authenticator: Authenticator, good_requests: Mapping[str, RequestView]
    ) -> None:
        for name, request in good_requests.items():
            known = authenticator.authenticate(request)

            assert isinstance(known, Principal), f"of {name}: {known!r}"
            assert known.id == name
            assert 1 <= len(known.id) <= 200, "an id has 1 to 200 characters"
            assert known.id.isprintable()
            _check_grants(known)

    def test_invalid_credentials_are_refused_and_not_passed_on(
        self, authenticator: Authenticator, bad_requests: Sequence[RequestView]
    ) -> None:
        for number, request in enumerate(bad_requests):
            try:
                known = authenticator.authenticate(request)
            except Exception:  # noqa: BLE001, S112 - raising is how credentials are refused
                continue
            pytest.fail(f"bad_requests[{number}] was answered with {known!r}; it has to be refused")

    def test_damaged_credentials_let_nobody_in(
        self, authenticator: Authenticator, good_requests: Mapping[str, RequestView]
    ) -> None:
        for request in good_requests.values():
            for odd in _damaged(request):
                look = functools.partial(_asked, authenticator, odd)
                known = judging.in_time(look, _LOOK_S, "the look at damaged credentials")
                assert not isinstance(known, Principal), f"it let {known!r} in"

    def test_several_threads_are_answered_as_one(
        self,
        authenticator: Authenticator,
        good_requests: Mapping[str, RequestView],
        bad_requests: Sequence[RequestView],
    ) -> None:
        mixed = [*good_requests.values(), *bad_requests] * _ROUNDS

        with ThreadPoolExecutor(_THREADS) as pool:
            answers = list(pool.map(lambda request: _asked(authenticator, request), mixed))

        count = len(good_requests) + len(bad_requests)
        told = [answer.id if isinstance(answer, Principal) else None for answer in answers]
        assert told == [*good_requests, *([None] * len(bad_requests))] * (len(mixed) // count)

    # ── what it leaves behind ───────────────────────────────────────────────────────────────────

    def test_nothing_of_a_request_is_kept(
        self, authenticator: Authenticator, good_requests: Mapping[str, RequestView]
    ) -> None:
        given = next(iter(good_requests.values()))
        headers = _Headers(given.headers)
        watched = weakref.ref(headers)

        authenticator.authenticate(replace(given, headers=headers))
        assert headers == dict(given.headers), "it changed the headers"
        del headers
        gc.collect()

        assert watched() is None, "the authenticator keeps a request that has been answered"

    def test_no_error_holds_a_part_of_the_credentials(
        self, authenticator: Authenticator, bad_requests: Sequence[RequestView]
    ) -> None:
        for request in bad_requests:
            try:
                authenticator.authenticate(request)
            except Exception as error:  # noqa: BLE001 - whatever it raises is looked at
                judging.assert_hidden(_credentials(request), str(error), "an error")

    def test_no_secret_is_told(
        self,
        authenticator: Authenticator,
        good_requests: Mapping[str, RequestView],
        bad_requests: Sequence[RequestView],
        secrets: Sequence[str],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        sent = [part for request in good_requests.values() for part in _credentials(request)]
        sent += [part for request in bad_requests for part in _credentials(request)]
        hidden = [*secrets, *sent]

        for request in (*good_requests.values(), *bad_requests):
            judging.assert_hidden(hidden, _asked(authenticator, request), "an answer")
        judging.assert_hidden(hidden, repr(authenticator), "the authenticator's repr")
        judging.assert_hidden(hidden, caplog.text, "the log")

    def test_a_server_asks_it(
        self,
        good_requests: Mapping[str, RequestView],
        ratchet_options: Mapping[str, Any],
        make_ratchet: MakeRatchet,
    ) -> None:
        ratchet = make_ratchet(**judging.needs(ratchet_options or None, "ratchet_options"))

        for name, request in good_requests.items():
            known = ratchet.authenticate(request.headers)
            assert known is not None, "authentication is off: see `auth` in the settings"
            assert known.id == name


def _check_grants(known: Principal) -> None:
    for grants in (known.roles, known.permissions, known.namespaces or ()):
        assert isinstance(grants, tuple), f"grants are tuples of texts: {grants!r}"
        assert all(isinstance(grant, str) for grant in grants), f"grants are texts: {grants!r}"
    if known.expires_at is not None:
        assert known.expires_at.tzinfo is not None, "`expires_at` has to be aware"
        assert known.expires_at > datetime.now(UTC), "the example has ended already"


def _asked(authenticator: Authenticator, request: RequestView) -> object:
    """Return the caller, None, or the error that refuses."""
    try:
        return authenticator.authenticate(request)
    except Exception as error:  # noqa: BLE001 - raising is how credentials are refused
        return error


def _credentials(request: RequestView) -> list[str]:
    parts = [part for value in request.headers.values() for part in value.split()]
    return [part for part in parts if len(part) >= _CREDENTIAL]


def _damaged(request: RequestView) -> list[RequestView]:
    """Return the request with each of its headers damaged in turn."""
    found = []
    for name, value in request.headers.items():
        scheme = value.partition(" ")[0] if " " in value else ""
        values = [value[:-1], f"{value}x", f"{value}\x00", f"{value}ä"]
        values += [f"{scheme} {rest}" for rest in ("", "x" * 100_000, "a." * 50_000)]
        found += [replace(request, headers={**request.headers, name: odd}) for odd in values]
    return found
