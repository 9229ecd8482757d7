"""What every input source that fetches promises (`ratchet_core.sdk.InputSource`)."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import orjson
import pytest

from ratchet_core.domain.workflow import single_step
from ratchet_core.runtime.ratchet import new_id
from ratchet_core.sdk import (
    Accepted,
    FeedStopped,
    InboundMessage,
    InputSource,
    Refused,
    step_handler,
)
from ratchet_core.testing.contract import judging
from ratchet_core.testing.fixtures import MakeRatchet
from ratchet_core.testing.values import odd_values, source_settings

#: Sends a message with a JSON value.
Put = Callable[[Any], None]
#: Tells how many messages would come (again) if the source died now.
Pending = Callable[[], int]
_MESSAGES = 3


class ObservedFeed:
    """A feed that a test opens and looks into.

    Args:
        is_open: False: messages wait until `gate` is set, as while the database is away.
        refusal: what becomes of each message, in place of a run.
        done: what is known of each run: completed, failed, or not yet.
    """

    def __init__(
        self,
        *,
        is_open: bool = True,
        refusal: Exception | None = None,
        done: bool | None = None,
    ) -> None:
        self._stop = threading.Event()
        self.gate = threading.Event()
        if is_open:
            self.gate.set()
        self.refusal = refusal
        self.done = done
        self.offered: list[InboundMessage] = []  #: all that were submitted, stored or not
        self.stored: list[InboundMessage] = []  #: those whose runs are stored
        self.healths: list[str] = []  #: what `healthy` was told
        self.failures: list[str] = []  #: what `failing` was told

    @property
    def stop(self) -> threading.Event:
        """Set when the source is to end."""
        return self._stop

    def submit(self, messages: Sequence[InboundMessage]) -> Sequence[Accepted | Exception]:
        """Keep messages once the gate is open."""
        assert 1 <= len(messages) <= 1000, f"1 to 1,000 messages at once, not {len(messages)}"
        self.offered += messages
        while not self.gate.wait(0.02):
            if self._stop.is_set():
                raise FeedStopped("the process ends while messages wait")
        self.stored += messages
        return [self.refusal or Accepted(run_id=new_id(), is_new=True) for _ in messages]

    def wait_for(self, accepted: Accepted, timeout_s: float) -> Accepted:
        """Tell what the test says of runs."""
        if self.done is None:
            self._stop.wait(min(timeout_s, 0.05))
        return replace(accepted, done=self.done)

    def healthy(self, message: str = "ok") -> None:
        """Keep what the source says."""
        self.healths.append(message)

    def failing(self, message: str) -> None:
        """Keep what the source says."""
        self.failures.append(message)


class InputSourceContract:
    """Inherit it as `class TestMine(InputSourceContract)` and override what is yours.

    Fixtures to override: `source_type`, `good_options`, `put`, `pending`; `bad_options` where the
    source has a `check`; and, to have more looked at, `away_options`, `secrets`.
    """

    #: With `ack: result` a message is done with when its run has completed.
    takes_results: ClassVar[bool] = True
    #: How long a test waits for a message to come, or to be acknowledged, in seconds.
    patience_s: ClassVar[float] = 20.0

    @pytest.fixture
    def source_type(self) -> type[InputSource]:
        """Give the class."""
        judging.wanted("source_type")

    @pytest.fixture
    def good_options(self) -> Mapping[str, Any]:
        """Give options of a queue of this test's own, with short times for coming again."""
        judging.wanted("good_options")

    @pytest.fixture
    def put(self) -> Put:
        """Give a function that sends a message with a JSON value to that queue."""
        judging.wanted("put")

    @pytest.fixture
    def pending(self) -> Pending:
        """Give a function that counts what waits there, taken or not, and not acknowledged."""
        judging.wanted("pending")

    @pytest.fixture
    def bad_options(self) -> Sequence[Mapping[str, Any]]:
        """Give options in which `check` has to find something."""
        return ()

    @pytest.fixture
    def away_options(self) -> Mapping[str, Any] | None:
        """Give options of a server that is not there at present."""
        return None

    @pytest.fixture
    def secrets(self) -> Sequence[str]:
        """Give the secret texts in the options, none of which may be told."""
        return ()

    def _wait(self, look: Callable[[], object], what: str) -> None:
        judging.wait_until(look, what, self.patience_s)

    # ── configuration ───────────────────────────────────────────────────────────────────────────

    def test_configuration_can_name_it(self, source_type: type[InputSource]) -> None:
        assert issubclass(source_type, InputSource)
        judging.assert_name(getattr(source_type, "name", None))

    def test_good_options_are_accepted_without_asking_anybody(
        self,
        source_type: type[InputSource],
        good_options: Mapping[str, Any],
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
    ) -> None:
        judging.refuse_network(monkeypatch)

        found = source_type.check(good_options)
        source = source_type(source_settings(good_options, tmp_path))

        judging.assert_problems(found, of=good_options)
        assert list(found) == []
        source.close()

    def test_bad_options_are_refused_with_their_keys(
        self, source_type: type[InputSource], bad_options: Sequence[Mapping[str, Any]]
    ) -> None:
        if not judging.overrides(source_type, InputSource, "check"):
            pytest.skip("the source has no `check`")
        assert bad_options, "the source has a `check`: give `bad_options` that it refuses"

        judging.assert_refused(source_type.check, bad_options, keyed=True)

    def test_checking_answers_whatever_is_configured(
        self, source_type: type[InputSource], good_options: Mapping[str, Any]
    ) -> None:
        judging.assert_checks_anything(source_type.check, odd_values(good_options))

    # ── messages ────────────────────────────────────────────────────────────────────────────────

    def test_each_message_is_fed_as_json_under_a_name_of_its_own(
        self,
        source_type: type[InputSource],
        good_options: Mapping[str, Any],
        put: Put,
        pending: Pending,
        tmp_path: Path,
    ) -> None:
        for number in range(_MESSAGES):
            put({"number": number})
        feed = ObservedFeed()

        with _running(source_type(source_settings(good_options, tmp_path)), feed):
            self._wait(lambda: len(feed.stored) >= _MESSAGES, "the messages to be fed")
            self._wait(lambda: pending() == 0, "the messages to be acknowledged")

        assert feed.healths, "tell `feed.healthy` when connected"
        for message in feed.stored:
            judging.assert_identity(message.identity)
            orjson.dumps(message.input)
        assert len({message.identity for message in feed.stored}) == _MESSAGES

    def test_a_message_is_acknowledged_only_after_its_run_is_stored(
        self,
        source_type: type[InputSource],
        good_options: Mapping[str, Any],
        put: Put,
        pending: Pending,
        tmp_path: Path,
    ) -> None:
        put({"number": 1})
        feed = ObservedFeed(is_open=False)

        with _running(source_type(source_settings(good_options, tmp_path)), feed):
            self._wait(lambda: feed.offered, "the message to be fed")
            assert pending() == 1, "it was acknowledged before its run was stored"
            feed.gate.set()
            self._wait(lambda: pending() == 0, "the message to be acknowledged")

    def test_a_message_that_was_not_stored_comes_again_under_the_same_name(
        self,
        source_type: type[InputSource],
        good_options: Mapping[str, Any],
        put: Put,
        pending: Pending,
        tmp_path: Path,
    ) -> None:
        put({"number": 1})
        first, second = ObservedFeed(is_open=False), ObservedFeed()

        with _running(source_type(source_settings(good_options, tmp_path)), first):
            self._wait(lambda: first.offered, "the message to be fed")
        with _running(source_type(source_settings(good_options, tmp_path)), second):
            self._wait(lambda: second.stored, "the message to come again")
            self._wait(lambda: pending() == 0, "the message to be acknowledged")

        assert second.stored[0].identity == first.offered[0].identity
        assert second.stored[0].input == first.offered[0].input

    def test_a_message_that_can_never_be_stored_does_not_come_for_ever(
        self,
        source_type: type[InputSource],
        good_options: Mapping[str, Any],
        put: Put,
        pending: Pending,
        tmp_path: Path,
    ) -> None:
        put({"number": 1})
        feed = ObservedFeed(refusal=Refused("it is against the schema"))

        with _running(source_type(source_settings(good_options, tmp_path)), feed):
            self._wait(lambda: feed.stored, "the message to be fed")
            self._wait(lambda: pending() == 0, "the message to be put aside")

    @pytest.mark.parametrize("done", [True, False])
    def test_with_results_a_message_waits_for_its_run(
        self,
        source_type: type[InputSource],
        good_options: Mapping[str, Any],
        put: Put,
        pending: Pending,
        tmp_path: Path,
        *,
        done: bool,
    ) -> None:
        if not self.takes_results:
            pytest.skip("`takes_results` is False")
        put({"number": 1})
        feed = ObservedFeed()

        source = source_type(source_settings(good_options, tmp_path, ack="result"))
        with _running(source, feed):
            self._wait(lambda: feed.stored, "the message to be fed")
            assert pending() == 1, "it was acknowledged before its run had ended"
            feed.done = done
            self._wait(lambda: pending() == 0, "the message to be done with")

    def test_a_server_that_is_away_is_told_of_and_can_be_waited_for(
        self,
        source_type: type[InputSource],
        away_options: Mapping[str, Any] | None,
        secrets: Sequence[str],
        tmp_path: Path,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        options = judging.needs(away_options, "away_options")
        feed = ObservedFeed()

        with _running(source_type(source_settings(options, tmp_path)), feed) as errors:
            self._wait(lambda: feed.failures or errors, "the source to notice")

        assert feed.healths == [], "it said that it was connected"
        told = [*feed.failures, *map(str, errors), caplog.text]
        judging.assert_hidden(secrets, "\n".join(told), "what it says of the server")

    # ── life ────────────────────────────────────────────────────────────────────────────────────

    def test_it_ends_when_it_is_asked_to(
        self, source_type: type[InputSource], good_options: Mapping[str, Any], tmp_path: Path
    ) -> None:
        feed = ObservedFeed()

        with _running(source_type(source_settings(good_options, tmp_path)), feed):
            self._wait(lambda: feed.healths, "the source to connect")

    def test_it_can_be_closed_more_than_once(
        self, source_type: type[InputSource], good_options: Mapping[str, Any], tmp_path: Path
    ) -> None:
        source = source_type(source_settings(good_options, tmp_path))

        source.close()
        source.close()

    def test_no_secret_is_told(
        self,
        source_type: type[InputSource],
        good_options: Mapping[str, Any],
        secrets: Sequence[str],
        tmp_path: Path,
    ) -> None:
        hidden = judging.needs(secrets or None, "secrets")
        source = source_type(source_settings(good_options, tmp_path))

        judging.assert_hidden(hidden, repr(source), "the source's repr")
        source.close()

    def test_its_messages_become_runs(
        self,
        source_type: type[InputSource],
        good_options: Mapping[str, Any],
        put: Put,
        pending: Pending,
        make_ratchet: MakeRatchet,
    ) -> None:
        source = {"name": "own", "type": source_type.name, "workflow": "example"}
        ratchet = make_ratchet(
            sources=[source_type],
            handlers=[step_handler(name="echo")(lambda context: context.input)],
            definitions=single_step("example", "echo"),
            settings={"input": {"sources": [{**source, "options": dict(good_options)}]}},
        )
        put({"number": 1})
        put({"number": 2})

        runs = ratchet.ingest("own", count=2)
        ratchet.drain()

        assert [run.status for run in runs] == ["completed", "completed"]
        assert len({run.id for run in runs}) == 2
        assert pending() == 0


@contextlib.contextmanager
def _running(source: InputSource, feed: ObservedFeed) -> Iterator[list[BaseException]]:
    """Run a source on a thread of its own; at the end it is asked to end, and has to."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            source.run(feed)
        except FeedStopped:
            pass
        except BaseException as error:  # noqa: BLE001 - looked at by the test
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True, name="source")
    thread.start()
    try:
        yield errors
    finally:
        feed.stop.set()
        thread.join(judging.GRACE_S)
        is_alive = thread.is_alive()
        if not is_alive:
            source.close()
    assert not is_alive, f"it did not end within {judging.GRACE_S:g} s after it was asked to"
