"""What every output destination promises (`ratchet_core.sdk.OutputDestination`)."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

import orjson
import pytest

from ratchet_core.domain.delivery import DeliveryEnd
from ratchet_core.domain.workflow import single_step
from ratchet_core.sdk import (
    Delivered,
    DeliveryOutcome,
    DeliveryView,
    OutputDestination,
    step_handler,
)
from ratchet_core.testing.contract import judging
from ratchet_core.testing.fixtures import MakeRatchet
from ratchet_core.testing.values import SIGNING_SECRET, delivery_view, odd_values
from ratchet_core.worker.parcel import end_of_delivery

#: Returns the outputs that the other side has received by now, as JSON values.
Received = Callable[[], Sequence[Any]]
_THREADS = 4
_DELIVERIES = 12


class OutputDestinationContract:
    """Inherit it as `class TestMine(OutputDestinationContract)` and override what is yours.

    Fixtures to override: `destination`, `good_options`, `received`; `bad_options` where the
    destination has a `check`; and, to have more looked at, `away_options`, `silent_options`,
    `refusing_options`, `secrets`.
    """

    #: The other side gets one delivery once, however often it is sent.
    drops_doubles: ClassVar[bool] = False

    @pytest.fixture
    def destination(self) -> OutputDestination:
        """Give a new destination."""
        judging.wanted("destination")

    @pytest.fixture
    def good_options(self) -> Mapping[str, Any]:
        """Give options of a place that takes everything."""
        judging.wanted("good_options")

    @pytest.fixture
    def received(self) -> Received:
        """Give a function that asks the other side what it has: outputs as JSON values."""
        judging.wanted("received")

    @pytest.fixture
    def bad_options(self) -> Sequence[Mapping[str, Any]]:
        """Give options in which `check` has to find something."""
        return ()

    @pytest.fixture
    def away_options(self) -> Mapping[str, Any] | None:
        """Give options of a place that is not there at present: another attempt may help."""
        return None

    @pytest.fixture
    def silent_options(self) -> Mapping[str, Any] | None:
        """Give options of a place that never answers."""
        return None

    @pytest.fixture
    def refusing_options(self) -> Mapping[str, Any] | None:
        """Give options of a place that will always refuse: another attempt would not help."""
        return None

    @pytest.fixture
    def secrets(self) -> Sequence[str]:
        """Give the secret texts in the options, none of which may be told."""
        return ()

    # ── configuration ───────────────────────────────────────────────────────────────────────────

    def test_configuration_can_name_it(self, destination: OutputDestination) -> None:
        assert isinstance(destination, OutputDestination)
        judging.assert_name(getattr(destination, "name", None))

    def test_good_options_are_accepted_without_asking_anybody(
        self,
        destination: OutputDestination,
        good_options: Mapping[str, Any],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        judging.refuse_network(monkeypatch)

        found = destination.check(good_options)

        judging.assert_problems(found, of=good_options)
        assert list(found) == []

    def test_bad_options_are_refused_with_their_keys(
        self, destination: OutputDestination, bad_options: Sequence[Mapping[str, Any]]
    ) -> None:
        if type(destination).check is OutputDestination.check:
            pytest.skip("the destination has no `check`")
        assert bad_options, "the destination has a `check`: give `bad_options` that it refuses"

        judging.assert_refused(destination.check, bad_options, keyed=True)

    def test_checking_answers_whatever_is_configured(
        self, destination: OutputDestination, good_options: Mapping[str, Any]
    ) -> None:
        judging.assert_checks_anything(destination.check, odd_values(good_options))

    def test_secrets_stand_under_keys_that_are_known_as_secret(
        self,
        destination: OutputDestination,
        good_options: Mapping[str, Any],
        secrets: Sequence[str],
    ) -> None:
        hidden = judging.needs(secrets or None, "secrets")
        told = [key for key, value in good_options.items() if _holds(value, hidden)]

        assert [key for key in told if key not in destination.secret_options] == []

    # ── deliveries ──────────────────────────────────────────────────────────────────────────────

    def test_what_is_said_to_be_delivered_is_there(
        self,
        destination: OutputDestination,
        good_options: Mapping[str, Any],
        received: Received,
    ) -> None:
        output = {"total": 42, "text": "Zürich"}

        outcome = destination.deliver(delivery_view(good_options, output))
        there = received()

        _delivered(outcome)
        assert output in there, f"the other side has {there!r}"

    def test_a_delivery_can_be_sent_again(
        self,
        destination: OutputDestination,
        good_options: Mapping[str, Any],
        received: Received,
    ) -> None:
        first = delivery_view(good_options, {"again": 1})
        second = delivery_view(good_options, {"again": 1}, id=first.id, run=first.run, attempt=2)

        for view in (first, second):
            _delivered(destination.deliver(view))

        count = list(received()).count({"again": 1})
        assert count >= 1
        if self.drops_doubles:
            assert count == 1, "the other side got one delivery twice"

    def test_several_threads_deliver_at_once(
        self,
        destination: OutputDestination,
        good_options: Mapping[str, Any],
        received: Received,
    ) -> None:
        outputs = [{"number": number} for number in range(_DELIVERIES)]
        views = [delivery_view(good_options, output) for output in outputs]

        with ThreadPoolExecutor(_THREADS) as pool:
            for outcome in pool.map(destination.deliver, views):
                _delivered(outcome)

        there = Counter(orjson.dumps(item) for item in received())
        assert [output for output in outputs if not there[orjson.dumps(output)]] == []

    def test_the_end_of_a_failed_run_is_delivered_too(
        self, destination: OutputDestination, good_options: Mapping[str, Any], received: Received
    ) -> None:
        failed = {"job_id": "1", "status": "failed", "error": {"message": "no"}}

        _delivered(destination.deliver(delivery_view(good_options, failed, state="failed")))

        assert failed in received()

    def test_a_place_that_is_away_is_tried_again(
        self, destination: OutputDestination, away_options: Mapping[str, Any] | None
    ) -> None:
        options = judging.needs(away_options, "away_options")

        end = _ended(destination, delivery_view(options))

        assert not end.ok
        assert end.retryable, f"another attempt may help, but it was {end}"

    def test_a_place_that_refuses_is_not_tried_again(
        self, destination: OutputDestination, refusing_options: Mapping[str, Any] | None
    ) -> None:
        options = judging.needs(refusing_options, "refusing_options")

        end = _ended(destination, delivery_view(options))

        assert not end.ok
        assert not end.retryable, f"another attempt would not help, but it was {end}"

    def test_a_delivery_ends_at_its_time_limit(
        self, destination: OutputDestination, silent_options: Mapping[str, Any] | None
    ) -> None:
        options = judging.needs(silent_options, "silent_options")
        view = delivery_view(options, timeout_s=0.5, deadline=time.monotonic() + 0.5)

        end = judging.in_time(
            lambda: _ended(destination, view), 0.5 + judging.GRACE_S, "the delivery"
        )

        assert not end.ok, "nobody has answered, so nobody knows"

    def test_no_secret_is_told(
        self,
        destination: OutputDestination,
        good_options: Mapping[str, Any],
        away_options: Mapping[str, Any] | None,
        refusing_options: Mapping[str, Any] | None,
        secrets: Sequence[str],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        hidden = [*secrets, SIGNING_SECRET.decode()]

        for options in (good_options, away_options, refusing_options):
            if options is not None:
                end = _ended(destination, delivery_view(options))
                judging.assert_hidden(hidden, end, "what came of a delivery")
        judging.assert_hidden(hidden, repr(destination), "the destination's repr")
        judging.assert_hidden(hidden, caplog.text, "the log")

    # ── life ────────────────────────────────────────────────────────────────────────────────────

    def test_it_can_be_closed_more_than_once(
        self, destination: OutputDestination, good_options: Mapping[str, Any]
    ) -> None:
        _delivered(destination.deliver(delivery_view(good_options)))

        destination.close()
        destination.close()

    def test_it_can_be_closed_unused(self, destination: OutputDestination) -> None:
        destination.close()

    def test_a_run_is_delivered_to_it(
        self,
        destination: OutputDestination,
        good_options: Mapping[str, Any],
        received: Received,
        make_ratchet: MakeRatchet,
    ) -> None:
        place = {"name": "place", "destination": {"type": destination.name, **good_options}}
        ratchet = make_ratchet(
            handlers=[step_handler(name="echo")(lambda context: context.input)],
            destinations=[destination],
            definitions=single_step("example", "echo"),
            settings={"output": {"global_destinations": [place]}},
        )

        run = ratchet.run("example", {"from": "a run"})

        assert [(one.state.value, one.error) for one in run.deliveries] == [("delivered", None)]
        assert {"from": "a run"} in received()


def _holds(value: Any, secrets: Sequence[str]) -> bool:
    text = orjson.dumps(value, default=str).decode()
    return any(secret in text for secret in secrets)


def _delivered(outcome: DeliveryOutcome) -> None:
    assert isinstance(outcome, Delivered), f"it was to be delivered: {outcome!r}"
    assert isinstance(outcome.details, Mapping)
    orjson.dumps(dict(outcome.details))


def _ended(destination: OutputDestination, view: DeliveryView) -> DeliveryEnd:
    end = end_of_delivery(destination, view)
    if not end.ok:
        assert end.message.strip(), "a failure has to say what happened"
        judging.assert_code(end.code)
    return end
