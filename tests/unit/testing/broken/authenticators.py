"""Authenticators that break one promise each; see `handlers.py` beside this file."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from ratchet_core.sdk import (
    AuthenticationFailed,
    Authenticator,
    AuthenticatorSettings,
    Principal,
    RequestView,
    hookimpl,
)
from ratchet_core.testing import AuthenticatorContract, authenticator_settings, request_view

#: Pass phrase to caller.
CALLERS = {"open-sesame-of-alice": "alice", "open-sesame-of-bob": "bob"}
SCHEME = "Phrase "


class Sound(Authenticator):
    """Keeps every promise."""

    name: ClassVar[str] = "phrase"

    def authenticate(self, request: RequestView) -> Principal | None:
        given = request.headers.get("authorization", "")
        if not given.startswith(SCHEME):
            return None
        return self.known(given.removeprefix(SCHEME))

    def known(self, phrase: str) -> Principal | None:
        if phrase not in CALLERS:
            raise AuthenticationFailed("the phrase is unknown")
        return Principal(id=CALLERS[phrase], roles=("viewer",))


def asking(phrase: str) -> RequestView:
    return request_view({"Authorization": f"{SCHEME}{phrase}"})


class TestSound(AuthenticatorContract):
    made: ClassVar[type[Authenticator]] = Sound

    @pytest.fixture
    def authenticator(self, tmp_path: Path) -> Authenticator:
        return self.made(authenticator_settings(tmp_path))

    @pytest.fixture
    def good_requests(self) -> Mapping[str, RequestView]:
        return {name: asking(phrase) for phrase, name in CALLERS.items()}

    @pytest.fixture
    def bad_requests(self) -> Sequence[RequestView]:
        return [asking("open-barley-of-alice")]

    @pytest.fixture
    def ratchet_options(self) -> Mapping[str, Any]:
        made = self.made

        class Offer:
            @hookimpl
            def ratchet_register_authenticators(self) -> Sequence[type[Authenticator]]:
                return [made]

        auth = {"authentication_enabled": True, "authenticator_class": made.name}
        return {"plugins": {"phrases": Offer()}, "settings": {"auth": auth}}


class Nameless(Sound):
    name = Authenticator.name


class TestNameless(TestSound):
    made = Nameless


class RefusesStrangers(Sound):
    def authenticate(self, request: RequestView) -> Principal | None:
        return self.known(request.headers.get("authorization", "").removeprefix(SCHEME))


class TestRefusesStrangers(TestSound):
    made = RefusesStrangers


class KnowsEverybodyAsOne(Sound):
    def known(self, phrase: str) -> Principal | None:
        return super().known(phrase) and Principal(id="somebody")


class TestKnowsEverybodyAsOne(TestSound):
    made = KnowsEverybodyAsOne


class PassesOn(Sound):
    """Leaves what is not valid to the next authenticator."""

    def known(self, phrase: str) -> Principal | None:
        return super().known(phrase) if phrase in CALLERS else None


class TestPassesOn(TestSound):
    made = PassesOn


class ReadsTheBeginning(Sound):
    def known(self, phrase: str) -> Principal | None:
        names = [name for known, name in CALLERS.items() if phrase.startswith(known)]
        return Principal(id=names[0]) if names else super().known(phrase)


class TestReadsTheBeginning(TestSound):
    made = ReadsTheBeginning


class KeepsTheLatest(Sound):
    """Answers for whichever request came last."""

    def __init__(self, settings: AuthenticatorSettings) -> None:
        super().__init__(settings)
        self.meeting = threading.Barrier(2)

    def known(self, phrase: str) -> Principal | None:
        self.phrase = phrase
        try:
            self.meeting.wait(0.02)
        except threading.BrokenBarrierError:
            self.meeting.reset()
        return super().known(self.phrase)


class TestKeepsTheLatest(TestSound):
    made = KeepsTheLatest


class KeepsTheRequest(Sound):
    def authenticate(self, request: RequestView) -> Principal | None:
        self.latest = request
        return super().authenticate(request)


class TestKeepsTheRequest(TestSound):
    made = KeepsTheRequest


class TellsThePhrase(Sound):
    def known(self, phrase: str) -> Principal | None:
        if phrase not in CALLERS:
            raise AuthenticationFailed(f"'{phrase}' is unknown")
        return super().known(phrase)


class TestTellsThePhrase(TestSound):
    made = TellsThePhrase
