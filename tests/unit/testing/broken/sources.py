"""Input sources that break one promise each; see `handlers.py` beside this file.

The broker is a table in memory: what is taken stays there until it is acknowledged, and comes
again to whoever connects next.
"""

from __future__ import annotations

import itertools
import socket
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import pytest

from ratchet_core.sdk import Accepted, Feed, InboundMessage, InputSource, SourceSettings
from ratchet_core.testing import InputSourceContract

PASSWORD = "hunter22-of-the-broker"


class Broker:
    """One queue."""

    def __init__(self) -> None:
        self.numbers = itertools.count()
        self.waiting: dict[int, Any] = {}

    def put(self, value: Any) -> None:
        self.waiting[next(self.numbers)] = value


#: Name of a queue to its broker; options hold the name alone.
BROKERS: dict[str, Broker] = {}


class Sound(InputSource):
    """Keeps every promise."""

    name: ClassVar[str] = "table"

    @classmethod
    def check(cls, options: Mapping[str, Any]) -> Sequence[str]:
        return [] if isinstance(options.get("queue"), str) else ["queue: must be a text"]

    def run(self, feed: Feed) -> None:
        if self.settings.options["queue"] == "away":
            feed.failing("the broker does not answer")
            feed.stop.wait()
            return
        broker = BROKERS[self.settings.options["queue"]]
        feed.healthy()
        taken: set[int] = set()
        while not feed.stop.is_set():
            for number in [key for key in broker.waiting if key not in taken]:
                taken.add(number)
                self.take(feed, broker, number)
            feed.stop.wait(0.01)

    def take(self, feed: Feed, broker: Broker, number: int) -> None:
        [answer] = feed.submit([self.message(broker, number)])
        if isinstance(answer, Accepted) and self.settings.ack == "result":
            while answer.done is None and not feed.stop.is_set():
                answer = feed.wait_for(answer, 0.05)
            if answer.done is None:
                return
        broker.waiting.pop(number, None)

    def message(self, broker: Broker, number: int) -> InboundMessage:
        return InboundMessage(
            input={"body": broker.waiting[number]}, identity=f"table:offset {number}"
        )


class TestSound(InputSourceContract):
    patience_s = 2.0
    made: ClassVar[type[InputSource]] = Sound

    @pytest.fixture
    def broker(self) -> tuple[str, Broker]:
        name = uuid.uuid4().hex
        BROKERS[name] = Broker()
        return name, BROKERS[name]

    @pytest.fixture
    def source_type(self) -> type[InputSource]:
        return self.made

    @pytest.fixture
    def good_options(self, broker: tuple[str, Broker]) -> Mapping[str, Any]:
        return {"queue": broker[0], "password": PASSWORD}

    @pytest.fixture
    def put(self, broker: tuple[str, Broker]) -> Callable[[Any], None]:
        return broker[1].put

    @pytest.fixture
    def pending(self, broker: tuple[str, Broker]) -> Callable[[], int]:
        return lambda: len(broker[1].waiting)

    @pytest.fixture
    def bad_options(self) -> Sequence[Mapping[str, Any]]:
        return [{}, {"queue": 1}]

    @pytest.fixture
    def away_options(self) -> Mapping[str, Any]:
        return {"queue": "away", "password": PASSWORD}

    @pytest.fixture
    def secrets(self) -> Sequence[str]:
        return [PASSWORD]


class ConnectsAtOnce(Sound):
    def __init__(self, settings: SourceSettings) -> None:
        super().__init__(settings)
        with socket.socket() as connection:
            connection.connect_ex(("127.0.0.1", 9))


class TestConnectsAtOnce(TestSound):
    made = ConnectsAtOnce


class AcknowledgesFirst(Sound):
    def take(self, feed: Feed, broker: Broker, number: int) -> None:
        message = self.message(broker, number)
        broker.waiting.pop(number)
        feed.submit([message])


class TestAcknowledgesFirst(TestSound):
    made = AcknowledgesFirst


class NamesByTheTime(Sound):
    """Gives a message another name each time it comes."""

    def message(self, broker: Broker, number: int) -> InboundMessage:
        return InboundMessage(input=broker.waiting[number], identity=uuid.uuid4().hex)


class TestNamesByTheTime(TestSound):
    made = NamesByTheTime


class NamesAllAlike(Sound):
    def message(self, broker: Broker, number: int) -> InboundMessage:
        return InboundMessage(input=broker.waiting[number], identity="table")


class TestNamesAllAlike(TestSound):
    made = NamesAllAlike


class FeedsNoJson(Sound):
    def message(self, broker: Broker, number: int) -> InboundMessage:
        return InboundMessage(input={1, 2}, identity=f"offset {number}")


class TestFeedsNoJson(TestSound):
    made = FeedsNoJson


class SaysNothing(Sound):
    """Never says that it is connected."""

    def run(self, feed: Feed) -> None:
        feed.healthy = lambda message="ok": None  # type: ignore[method-assign]
        super().run(feed)


class TestSaysNothing(TestSound):
    made = SaysNothing


class RequeuesForEver(Sound):
    def take(self, feed: Feed, broker: Broker, number: int) -> None:
        [answer] = feed.submit([self.message(broker, number)])
        if isinstance(answer, Accepted):
            broker.waiting.pop(number)


class TestRequeuesForEver(TestSound):
    made = RequeuesForEver


class ForgetsResults(Sound):
    def take(self, feed: Feed, broker: Broker, number: int) -> None:
        feed.submit([self.message(broker, number)])
        broker.waiting.pop(number)


class TestForgetsResults(TestSound):
    made = ForgetsResults


class NeverStops(Sound):
    def run(self, feed: Feed) -> None:
        feed.healthy()
        threading.Event().wait(30)


class TestNeverStops(TestSound):
    made = NeverStops


class TellsThePassword(Sound):
    def run(self, feed: Feed) -> None:
        if self.settings.options["queue"] == "away":
            feed.failing(f"no answer from {self.settings.options['password']}@away")
        super().run(feed)


class TestTellsThePassword(TestSound):
    made = TellsThePassword


class ClosesOnce(Sound):
    def close(self) -> None:
        del self.settings


class TestClosesOnce(TestSound):
    made = ClosesOnce
