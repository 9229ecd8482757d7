"""Schedules: what is due at a time that is handed in, and what a spec may say."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratchet_core.domain.schedule import (
    GRACE_S,
    MAX_CATCHUP,
    Catchup,
    Decision,
    Overlap,
    ScheduleSpec,
    Standing,
    decide,
)
from ratchet_core.errors import ValidationFailed

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def spec(cron: str = "0 * * * *", **options: Any) -> ScheduleSpec:
    return ScheduleSpec(namespace="default", workflow="w", cron_expression=cron, **options)


def decided(
    wanted: ScheduleSpec, standing: Standing, now: datetime, *, is_active: bool = False
) -> Decision:
    return decide(wanted, wanted.checked(), standing, now, is_active=is_active)


def after(standing: Standing, decision: Decision) -> Standing:
    """Return the standing once a decision was carried out."""
    return Standing(
        next_at=decision.next_at,
        last_at=decision.last_at,
        runs_made=standing.runs_made + len(decision.make),
        waiting=decision.waiting,
    )


def test_nothing_is_due_before_the_fire_time() -> None:
    decision = decided(spec(), Standing(next_at=NOON), NOON - timedelta(microseconds=1))

    assert decision == Decision(next_at=NOON)


def test_at_the_fire_time_one_run_is_made_and_the_next_one_is_known() -> None:
    decision = decided(spec(), Standing(next_at=NOON), NOON)

    assert decision == Decision(make=(NOON,), next_at=NOON + HOUR, last_at=NOON)


@pytest.mark.parametrize("catchup", Catchup)
def test_a_scheduler_that_is_a_little_late_loses_nothing(catchup: Catchup) -> None:
    late = timedelta(seconds=GRACE_S)
    wanted = spec("*/10 * * * * *", catchup=catchup)

    decision = decided(wanted, Standing(next_at=NOON), NOON + late)

    assert decision.make == tuple(NOON + timedelta(seconds=s) for s in (0, 10, 20, 30))


@pytest.mark.parametrize(
    ("catchup", "made"),
    [
        (Catchup.NONE, []),
        (Catchup.LATEST, [5]),
        (Catchup.ALL, [3, 4, 5]),
    ],
)
def test_missed_fire_times_are_treated_as_the_schedule_says(
    catchup: Catchup, made: list[int]
) -> None:
    wanted = spec(catchup=catchup, max_catchup=3)

    decision = decided(wanted, Standing(next_at=NOON), NOON + 5 * HOUR + 30 * MINUTE)

    assert decision.make == tuple(NOON + n * HOUR for n in made)
    assert decision.next_at == NOON + 6 * HOUR


@pytest.mark.parametrize("catchup", Catchup)
def test_years_of_missed_seconds_are_decided_upon_at_once(catchup: Catchup) -> None:
    wanted = spec("* * * * * *", catchup=catchup, max_catchup=MAX_CATCHUP)
    now = NOON + timedelta(days=3000)

    decision = decided(wanted, Standing(next_at=NOON), now)

    expected = MAX_CATCHUP if catchup is Catchup.ALL else int(GRACE_S) + 1
    assert len(decision.make) == expected
    assert decision.make[-1] == now


def test_a_clock_that_leaps_forward_fires_what_it_leapt_over_once() -> None:
    standing = Standing(next_at=NOON)
    wanted = spec("*/10 * * * *", catchup=Catchup.ALL)
    leapt = decided(wanted, standing, NOON + HOUR)

    again = decided(wanted, after(standing, leapt), NOON + HOUR + MINUTE)

    assert leapt.make == tuple(NOON + timedelta(minutes=10 * n) for n in range(7))
    assert again.make == ()


def test_a_clock_that_is_put_back_fires_nothing_twice_and_goes_on_later() -> None:
    wanted = spec("*/10 * * * *")
    standing = after(Standing(next_at=NOON), decided(wanted, Standing(next_at=NOON), NOON))
    made: list[datetime] = []
    for minutes in range(-60, 21):
        decision = decided(wanted, standing, NOON + minutes * MINUTE)
        standing = after(standing, decision)
        made += decision.make

    assert made == [NOON + 10 * MINUTE, NOON + 20 * MINUTE]


@given(
    st.lists(
        st.one_of(
            st.integers(1, 90).map(lambda seconds: timedelta(seconds=seconds)),
            st.sampled_from([HOUR, -HOUR, timedelta(0), timedelta(seconds=-1)]),
        ),
        max_size=60,
    ),
    st.sampled_from(["* * * * *", "*/20 * * * * *", "0 * * * *", "30 2 * * *"]),
    st.sampled_from(["UTC", "America/New_York"]),
)
def test_whatever_the_clock_does_no_fire_time_is_lost_or_doubled(
    steps: list[timedelta], cron: str, zone: str
) -> None:
    wanted = spec(cron, timezone=zone, catchup=Catchup.ALL, max_catchup=MAX_CATCHUP)
    start = datetime(2026, 11, 1, 4, 50, tzinfo=UTC)  # shortly before the clocks go back
    table = wanted.checked()
    standing = Standing(next_at=table.next_after(start))
    made: list[datetime] = []
    now = highest = start
    for step in steps:
        now += step
        highest = max(highest, now)
        decision = decided(wanted, standing, now)
        standing = after(standing, decision)
        made += decision.make

    assert made == list(table.newest(start + timedelta(microseconds=1), highest, 100_000))


@pytest.mark.parametrize("is_active", [False, True])
@pytest.mark.parametrize(
    ("overlap", "idle", "busy"),
    [
        (Overlap.ALLOW, ((0, 1, 2), (), 0), ((0, 1, 2), (), 0)),
        (Overlap.SKIP, ((0,), (), 2), ((), (), 3)),
        (Overlap.CANCEL, ((2,), (), 2), ((2,), (), 2)),
        (Overlap.QUEUE, ((0,), (1, 2), 0), ((), (0, 1), 1)),
    ],
)
def test_an_earlier_run_is_minded_as_the_schedule_says(
    overlap: Overlap, idle: Any, busy: Any, *, is_active: bool
) -> None:
    wanted = spec(overlap=overlap, catchup=Catchup.ALL, max_catchup=3)
    if overlap is Overlap.QUEUE and is_active:
        wanted = replace(wanted, max_catchup=2, catchup=Catchup.ALL)
        busy = ((), (1, 2), 0)

    decision = decided(wanted, Standing(next_at=NOON), NOON + 2 * HOUR, is_active=is_active)

    make, waiting, skipped = busy if is_active else idle
    assert decision.make == tuple(NOON + n * HOUR for n in make)
    assert decision.waiting == tuple(NOON + n * HOUR for n in waiting)
    assert decision.skipped == skipped
    assert decision.cancel_active == (is_active and overlap is Overlap.CANCEL)


def test_a_queue_of_runs_is_bounded() -> None:
    wanted = spec(overlap=Overlap.QUEUE, max_catchup=2)
    standing = Standing(next_at=NOON, waiting=(NOON - 2 * HOUR, NOON - HOUR))

    decision = decided(wanted, standing, NOON, is_active=True)

    assert (decision.waiting, decision.skipped) == ((NOON - 2 * HOUR, NOON - HOUR), 1)


def test_waiting_runs_are_made_though_no_fire_time_is_due() -> None:
    standing = Standing(next_at=NOON + HOUR, waiting=(NOON - HOUR, NOON))

    decision = decided(spec(overlap=Overlap.QUEUE), standing, NOON + MINUTE)

    assert (decision.make, decision.waiting) == ((NOON - HOUR,), (NOON,))
    assert decision.next_at == NOON + HOUR


def test_a_window_bounds_the_fire_times() -> None:
    wanted = spec(starts_at=NOON, ends_at=NOON + HOUR)
    table = wanted.checked()

    assert table.next_after(NOON - 24 * HOUR) == NOON
    assert table.next_after(NOON) == NOON + HOUR
    assert table.next_after(NOON + HOUR) is None
    assert decided(wanted, Standing(next_at=NOON + HOUR), NOON + HOUR).next_at is None


def test_a_schedule_is_exhausted_by_its_runs_and_not_by_skipped_fire_times() -> None:
    wanted = spec(max_runs=2, overlap=Overlap.SKIP)

    skipped = decided(wanted, Standing(next_at=NOON, runs_made=1), NOON, is_active=True)
    last = decided(wanted, Standing(next_at=NOON, runs_made=1), NOON)

    assert (skipped.make, skipped.next_at) == ((), NOON + HOUR)
    assert (last.make, last.next_at) == ((NOON,), None)


@pytest.mark.parametrize(
    ("options", "place", "said"),
    [
        ({"cron_expression": "0 0 31 2 *"}, "cron_expression", "day of month"),
        ({"cron_expression": "* 25 * * *"}, "cron_expression", "hour"),
        ({"timezone": "Mars/Olympus"}, "timezone", "no time zone"),
        ({"starts_at": NOON, "ends_at": NOON}, "ends_at", "after starts_at"),
        ({"ends_at": datetime(9999, 1, 1, tzinfo=UTC)}, "ends_at", "between the years"),
        ({"starts_at": datetime.min.replace(tzinfo=UTC)}, "starts_at", "between the years"),
        (
            {"starts_at": NOON + MINUTE, "ends_at": NOON + 2 * MINUTE},
            "cron_expression",
            "no fire time between",
        ),
        ({"max_catchup": 0}, "max_catchup", "between"),
        ({"max_runs": 0}, "max_runs", "between"),
        ({"name": ""}, "name", "printable"),
        ({"name": "a\nb"}, "name", "printable"),
        ({"name": "x" * 129}, "name", "128"),
    ],
)
def test_what_a_spec_may_not_say_is_refused_naming_the_field(
    options: dict[str, Any], place: str, said: str
) -> None:
    with pytest.raises(ValidationFailed) as refused:
        replace(spec(), **options).checked()

    assert list(refused.value.details) == [place]
    assert said in refused.value.details[place][0]


def test_a_window_that_is_over_is_refused() -> None:
    with pytest.raises(ValidationFailed, match="2026-06-01T12:00:00Z is past"):
        spec(ends_at=NOON).refuse_past(NOON + MINUTE)


def test_a_preview_shows_the_next_twenty_with_their_shifts() -> None:
    wanted = spec("30 2 * * *", timezone="Europe/Berlin")

    shown = wanted.checked().preview(datetime(2026, 3, 20, tzinfo=UTC))

    assert len(shown) == 20
    assert [item.shift for item in shown].count("gap") == 1
    assert shown[9].local.isoformat() == "2026-03-29T03:00:00+02:00"
