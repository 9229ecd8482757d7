"""The harness: a whole Ratchet on the thread of the test, and a clock that the test moves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ratchet_core.errors import ConfigurationError, DefinitionError, PluginError
from ratchet_core.sdk import (
    Delivered,
    DeliveryFailed,
    DeliveryOutcome,
    DeliveryView,
    OutputDestination,
    PluginServices,
    RetryableError,
    StepContext,
    StepHandler,
    hookimpl,
    step_handler,
)
from ratchet_core.testing import Clock, MakeRatchet

GREET = """
name: greet
step_templates:
  - name: greet
    handler_class: greet
    default_retry_limit: 3
"""


class Greeter(StepHandler):
    """Greets, after as many failures as it is made with."""

    name = "greet"

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.threads: list[int] = []

    def process(self, context: StepContext) -> Any:
        context.log.info("attempt %d", context.attempt)
        if context.attempt <= self.failures:
            raise RetryableError("not yet", retry_after_s=60)
        return {"text": f"Hello {context.input['who']}"}


class Memory(OutputDestination):
    """Keeps what it is given, after as many refusals as it is made with."""

    name = "memory"

    def __init__(self, refusals: int = 0) -> None:
        self.refusals = refusals
        self.got: list[Any] = []
        self.closed = 0

    def deliver(self, delivery: DeliveryView) -> DeliveryOutcome:
        if delivery.attempt <= self.refusals:
            return DeliveryFailed(message="busy")
        self.got.append(delivery.output)
        return Delivered()

    def close(self) -> None:
        self.closed += 1


def test_nothing_runs_before_the_test_asks(make_ratchet: MakeRatchet) -> None:
    ratchet = make_ratchet(handlers=[Greeter()], definitions=GREET)

    run = ratchet.submit("greet", {"who": "Ada"})
    before = run.status
    ratchet.drain()

    assert (before, run.status) == ("pending", "completed")
    assert run.result == {"text": "Hello Ada"}
    assert run.steps["greet"].attempts == 1
    assert run.logs == ("attempt 1",)
    assert "run.completed" in run.events


def test_a_retry_waits_for_the_clock(make_ratchet: MakeRatchet, clock: Clock) -> None:
    ratchet = make_ratchet(handlers=[Greeter(failures=2)], definitions=GREET)
    run = ratchet.run("greet", {"who": "Ada"})

    seen = [run.status]
    for seconds in (59, 1, 60):
        clock.advance(seconds)
        ratchet.drain()
        seen.append(f"{run.status} {len(run.attempts)}")

    assert seen == ["retrying", "retrying 1", "retrying 2", "completed 3"]
    waited = run.attempts[1].started_at - run.attempts[0].started_at
    assert waited == pytest.approx(timedelta(seconds=60), abs=timedelta(seconds=10))


def test_everything_that_is_stored_goes_by_the_clock(
    make_ratchet: MakeRatchet, clock: Clock
) -> None:
    moment = clock.move_to(datetime(2042, 1, 1, tzinfo=UTC))
    ratchet = make_ratchet(handlers=[Greeter()], definitions=GREET)

    run = ratchet.run("greet", {"who": "Ada"})

    assert run.view.created_at == moment
    assert run.view.completed_at == moment


def test_a_step_is_due_at_the_very_moment_that_it_waits_for(
    make_ratchet: MakeRatchet, clock: Clock
) -> None:
    ratchet = make_ratchet(handlers=[Greeter(failures=1)], definitions=GREET)
    run = ratchet.run("greet", {"who": "Ada"})
    due = run.steps["greet"].ready_at
    assert due is not None

    clock.move_to(due)
    ratchet.drain()

    assert run.status == "completed"


def test_a_clock_does_not_go_back(clock: Clock) -> None:
    with pytest.raises(ValueError, match="does not go back"):
        clock.advance(-1)


def test_a_schedule_fires_when_its_time_has_come(make_ratchet: MakeRatchet, clock: Clock) -> None:
    clock.move_to(datetime(2042, 1, 1, 11, 59, 30, tzinfo=UTC))
    schedules = "schedules:\n  - {name: noon, cron_expression: '0 12 * * *', input: {who: Ada}}\n"
    ratchet = make_ratchet(handlers=[Greeter()], definitions=GREET + schedules)

    before = ratchet.drain()
    clock.advance(30)
    after = ratchet.drain()

    assert (before, after) == (0, 1)
    [run] = ratchet.runs()
    assert run.status == "completed"


def test_a_run_whose_deadline_passes_fails(make_ratchet: MakeRatchet, clock: Clock) -> None:
    ratchet = make_ratchet(handlers=[Greeter(failures=1)], definitions=GREET)
    run = ratchet.run("greet", {"who": "Ada"}, time_limit_s=30)

    clock.advance(31)
    ratchet.drain()

    assert run.status == "failed"
    assert run.error is not None
    assert run.error.type == "DeadlineExceeded"


def test_outputs_are_delivered_and_tried_again_by_the_clock(
    make_ratchet: MakeRatchet, clock: Clock
) -> None:
    memory = Memory(refusals=1)
    place = {"name": "kept", "destination": {"type": "memory"}}
    ratchet = make_ratchet(
        handlers=[Greeter()],
        destinations=[memory],
        definitions=GREET,
        settings={"output": {"global_destinations": [place]}},
    )
    run = ratchet.run("greet", {"who": "Ada"})

    first = run.deliveries[0].state.value
    clock.advance(60)
    ratchet.drain()
    [delivery] = run.deliveries

    assert (first, delivery.state.value) == ("pending", "delivered")
    assert memory.got == [{"text": "Hello Ada"}]
    attempts = run.delivery_attempts(delivery.id)
    assert [one.state.value for one in attempts] == ["failed", "delivered"]
    ratchet.close()
    assert memory.closed == 1


def greeting_plugin(**members: Any) -> ModuleType:
    """Make a module with a plugin, as one that is installed would be."""
    module = ModuleType("ratchet_greeting")
    for name, value in members.items():
        setattr(module, name, value)
    return module


def test_a_plugin_is_handed_in_as_a_module_with_its_settings(make_ratchet: MakeRatchet) -> None:
    @hookimpl
    def ratchet_register_step_handlers(services: PluginServices) -> Iterable[StepHandler]:
        greeting = services.settings["greeting"]
        return [step_handler(name="greet")(lambda _context: {"text": greeting})]

    plugin = greeting_plugin(ratchet_register_step_handlers=ratchet_register_step_handlers)
    ratchet = make_ratchet(
        [plugin],
        definitions=GREET,
        settings={"plugins": {"settings": {"greeting": {"greeting": "Salut"}}}},
    )

    assert ratchet.run("greet").result == {"text": "Salut"}
    assert [state.name for state in ratchet.runtime.hooks.plugins] == ["greeting", "handed-in"]


def test_an_installed_plugin_is_handed_in_by_its_name(
    make_ratchet: MakeRatchet, tmp_path: Path
) -> None:
    script = tmp_path / "scripts" / "twice.js"
    script.parent.mkdir()
    script.write_text("(function (input) { return { twice: input.n * 2 }; })", encoding="utf-8")

    ratchet = make_ratchet(["javascript"], definitions=script.parent)

    assert ratchet.run("twice", {"n": 21}).result == {"twice": 42}


def test_a_plugin_that_cannot_register_fails_the_test_with_its_reason(
    make_ratchet: MakeRatchet,
) -> None:
    @hookimpl
    def ratchet_register_step_handlers(services: PluginServices) -> Sequence[StepHandler]:
        raise RuntimeError("no greeting today")

    with pytest.raises(PluginError, match="no greeting today"):
        make_ratchet(
            [greeting_plugin(ratchet_register_step_handlers=ratchet_register_step_handlers)]
        )


def test_a_plugin_that_is_not_installed_is_named_with_those_that_are(
    make_ratchet: MakeRatchet,
) -> None:
    with pytest.raises(PluginError, match=r"'nothing' is installed; there are: .*http"):
        make_ratchet(["nothing"])


def test_a_definition_that_is_wrong_fails_the_test_with_its_reason(
    make_ratchet: MakeRatchet,
) -> None:
    with pytest.raises(DefinitionError, match="greet"):
        make_ratchet(definitions=GREET)


def test_settings_are_those_of_the_configuration_file(make_ratchet: MakeRatchet) -> None:
    with pytest.raises(ConfigurationError, match="unknown key"):
        make_ratchet(settings={"worker": {"leese": 3}})


def test_two_of_one_test_have_a_database_each_and_one_clock(
    make_ratchet: MakeRatchet, clock: Clock
) -> None:
    first = make_ratchet(handlers=[Greeter()], definitions=GREET)
    second = make_ratchet(handlers=[Greeter()], definitions=GREET)

    first.submit("greet", {"who": "Ada"})

    assert (len(first.runs()), len(second.runs())) == (1, 0)
    assert first.clock is second.clock is clock
