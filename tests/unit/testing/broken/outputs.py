"""Output destinations that break one promise each; see `handlers.py` beside this file."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import pytest

from ratchet_core.sdk import (
    Delivered,
    DeliveryFailed,
    DeliveryOutcome,
    DeliveryView,
    OutputDestination,
)
from ratchet_core.testing import OutputDestinationContract

SECRET = "hunter22-of-the-destination"
_log = logging.getLogger(__name__)


class Sound(OutputDestination):
    """Keeps every promise; the other side is a dictionary."""

    name: ClassVar[str] = "shelf"
    secret_options: ClassVar[Sequence[str]] = ("password",)

    def __init__(self) -> None:
        self.shelf: dict[str, Any] = {}

    def check(self, options: Mapping[str, Any]) -> Sequence[str]:
        return [] if isinstance(options.get("place"), str) else ["place: must be a text"]

    def deliver(self, delivery: DeliveryView) -> DeliveryOutcome:
        place = delivery.options["place"]
        if place == "away":
            return DeliveryFailed(message="nobody is there", code="AWAY")
        if place == "refusing":
            return DeliveryFailed(message="it wants nothing", code="REFUSED", retryable=False)
        if place == "silent":
            threading.Event().wait(delivery.remaining_s)
            return DeliveryFailed(message="no answer", code="TIMEOUT")
        return self.put(delivery)

    def put(self, delivery: DeliveryView) -> DeliveryOutcome:
        self.shelf[delivery.id] = delivery.output
        return Delivered(details={"place": delivery.options["place"]})


class TestSound(OutputDestinationContract):
    drops_doubles = True
    made: ClassVar[type[Sound]] = Sound

    @pytest.fixture
    def destination(self) -> Sound:
        return self.made()

    def options(self, place: str) -> Mapping[str, Any]:
        return {"place": place, "password": SECRET}

    @pytest.fixture
    def good_options(self) -> Mapping[str, Any]:
        return self.options("here")

    @pytest.fixture
    def received(self, destination: Sound) -> Any:
        return lambda: list(destination.shelf.values())

    @pytest.fixture
    def bad_options(self) -> Sequence[Mapping[str, Any]]:
        return [{}, {"place": 7}]

    @pytest.fixture
    def away_options(self) -> Mapping[str, Any]:
        return self.options("away")

    @pytest.fixture
    def silent_options(self) -> Mapping[str, Any]:
        return self.options("silent")

    @pytest.fixture
    def refusing_options(self) -> Mapping[str, Any]:
        return self.options("refusing")

    @pytest.fixture
    def secrets(self) -> Sequence[str]:
        return [SECRET]


class Shouts(Sound):
    name = "SHELF one"


class TestShouts(TestSound):
    made = Shouts


class AsksAround(Sound):
    def check(self, options: Mapping[str, Any]) -> Sequence[str]:
        with socket.socket() as connection:
            connection.connect_ex(("127.0.0.1", 9))
        return super().check(options)


class TestAsksAround(TestSound):
    made = AsksAround


class NamesNoKey(Sound):
    def check(self, options: Mapping[str, Any]) -> Sequence[str]:
        return ["that is wrong"] if super().check(options) else []


class TestNamesNoKey(TestSound):
    made = NamesNoKey


class ChecksByRaising(Sound):
    def check(self, options: Mapping[str, Any]) -> Sequence[str]:
        return [] if options["place"] else ["place: is empty"]


class TestChecksByRaising(TestSound):
    made = ChecksByRaising


class HidesNoKey(Sound):
    secret_options = ()


class TestHidesNoKey(TestSound):
    made = HidesNoKey


class SaysItTooSoon(Sound):
    """Answers before the other side has it."""

    def put(self, delivery: DeliveryView) -> DeliveryOutcome:
        threading.Timer(0.5, super().put, (delivery,)).start()
        return Delivered()


class TestSaysItTooSoon(TestSound):
    made = SaysItTooSoon


class SendsDoubles(Sound):
    def put(self, delivery: DeliveryView) -> DeliveryOutcome:
        self.shelf[f"{delivery.id} {delivery.attempt}"] = delivery.output
        return Delivered()


class TestSendsDoubles(TestSound):
    made = SendsDoubles


class MixesThreads(Sound):
    """Keeps the delivery on itself, for another thread to send."""

    def __init__(self) -> None:
        super().__init__()
        self.meeting = threading.Barrier(2)

    def put(self, delivery: DeliveryView) -> DeliveryOutcome:
        self.delivery = delivery
        try:
            self.meeting.wait(0.2)
        except threading.BrokenBarrierError:
            self.meeting.reset()
        return super().put(self.delivery)


class TestMixesThreads(TestSound):
    made = MixesThreads


class GivesUp(Sound):
    def deliver(self, delivery: DeliveryView) -> DeliveryOutcome:
        outcome = super().deliver(delivery)
        if isinstance(outcome, DeliveryFailed):
            return DeliveryFailed(message=outcome.message, retryable=False)
        return outcome


class TestGivesUp(TestSound):
    made = GivesUp


class NeverGivesUp(Sound):
    def deliver(self, delivery: DeliveryView) -> DeliveryOutcome:
        outcome = super().deliver(delivery)
        if isinstance(outcome, DeliveryFailed):
            return DeliveryFailed(message=outcome.message)
        return outcome


class TestNeverGivesUp(TestSound):
    made = NeverGivesUp


class WaitsForEver(Sound):
    def deliver(self, delivery: DeliveryView) -> DeliveryOutcome:
        if delivery.options["place"] == "silent":
            threading.Event().wait(30)
        return super().deliver(delivery)


class TestWaitsForEver(TestSound):
    made = WaitsForEver


class TellsTheSigningSecret(Sound):
    def deliver(self, delivery: DeliveryView) -> DeliveryOutcome:
        if delivery.options["place"] == "away":
            return DeliveryFailed(message=f"nobody took {delivery.secret.decode()}")
        return super().deliver(delivery)


class TestTellsTheSigningSecret(TestSound):
    made = TellsTheSigningSecret


class LogsTheSigningSecret(Sound):
    def put(self, delivery: DeliveryView) -> DeliveryOutcome:
        _log.warning("signing with %s", delivery.secret)
        return super().put(delivery)


class TestLogsTheSigningSecret(TestSound):
    made = LogsTheSigningSecret


class ReturnsNothing(Sound):
    def put(self, delivery: DeliveryView) -> DeliveryOutcome:
        super().put(delivery)
        return None  # type: ignore[return-value]


class TestReturnsNothing(TestSound):
    made = ReturnsNothing


class ClosesOnce(Sound):
    def close(self) -> None:
        del self.shelf


class TestClosesOnce(TestSound):
    made = ClosesOnce
