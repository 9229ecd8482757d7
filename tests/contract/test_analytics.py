"""Figures about a period are made of what is stored, on both databases."""

from __future__ import annotations

from ratchet_core.domain.analytics import AnalyticsQuery, percentile
from tests.contract.engine_house import House, failure, workflow

HOUR = AnalyticsQuery(period_s=3600)


def _history(house: House) -> None:
    """Two runs that went well, one of them after a retry, one that failed, one that waits."""
    house.define(workflow("w", a=[], b=["a"]))
    drain = house.drain()
    house.submit("w")
    drain.work_off()
    house.submit("w")
    drain.conclude(drain.claim(), failure(error_type="NetworkError"))
    run_id = house.reads.journal_tail(0, 1000)[-1].run_id
    house.engine.operator.retry_step(run_id, "a", "me")
    drain.work_off()
    house.submit("w")
    drain.work_off({"b": failure(error_type="DataError", retryable=False)})
    house.submit("w", priority=1)


def test_a_trend_counts_what_became_of_the_runs(house: House) -> None:
    _history(house)

    trend = house.reads.analytics.trend(HOUR)

    assert (trend.created, trend.looked_at) == (4, 4)
    assert (trend.completed, trend.failed, trend.cancelled, trend.ended) == (2, 1, 0, 3)
    assert trend.attempts == 7
    assert trend.average_attempt_s == 0.00005
    assert trend.average_run_s is not None


def test_bottlenecks_are_found_in_stored_durations(house: House) -> None:
    _history(house)

    found = house.reads.analytics.bottlenecks(HOUR)

    assert (found.runs, found.workflows, found.is_sampled) == (4, 1, False)
    assert (found.attempts_ended, found.attempts_failed) == (7, 2)
    assert (found.retries, found.retries_completed) == (1, 1)
    assert dict(found.error_types) == {"NetworkError": 1, "DataError": 1}
    assert [(item.step, item.runs) for item in found.blockers] == [("b", 1)]
    assert len(found.slow_runs) == 3
    assert found.slow_runs[0].duration_us == found.run_durations_us[-1]
    assert [item.duration_us for item in found.slow_attempts] == [50] * 7
    assert found.attempt_durations_us == (50,) * 7
    assert found.average_wait_s is not None


def test_a_report_is_limited_to_what_is_asked_for_and_may_be_seen(house: House) -> None:
    _history(house)

    other = AnalyticsQuery(period_s=3600, name="other")
    hidden = AnalyticsQuery(period_s=3600, namespaces=())
    version = AnalyticsQuery(period_s=3600, namespace="default", name="w", version="0.1.0")

    assert house.reads.analytics.bottlenecks(other).runs == 0
    assert house.reads.analytics.trend(hidden).created == 0
    assert house.reads.analytics.bottlenecks(version).runs == 4


def test_nothing_gives_no_figures(house: House) -> None:
    empty = house.reads.analytics.bottlenecks(HOUR)

    assert (empty.runs, empty.run_durations_us, empty.average_wait_s) == (0, (), None)
    assert house.reads.analytics.trend(HOUR).average_run_s is None


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = tuple(range(1, 101))

    assert [percentile(values, rank) for rank in (50, 95, 99)] == [50, 95, 99]
    assert percentile((7,), 50) == 7
    assert percentile((), 50) is None


def test_a_trail_tells_each_move_with_the_one_before_it(house: House) -> None:
    house.define(workflow("w", a=[]))
    run = house.submit("w")
    house.drain().work_off({"a": failure(retryable=False)})
    house.engine.operator.update(run.id, {"reason": "x"}, "me")
    house.engine.operator.retry_step(run.id, "a", "me")

    trail = house.reads.trail(run.id, 0, 100)

    moves = [(item.event.step, item.event.name, item.before) for item in trail]
    assert moves[0] == (None, "run.created", None)
    assert (None, "run.updated", None) in moves
    assert (None, "run.retried", "run.failed") in moves
    assert ("a", "step.reset", "step.failed") in moves
    last = trail[1].event.sequence
    assert house.reads.trail(run.id, last, 100) == trail[2:]
    assert len(house.reads.trail(run.id, 0, 2)) == 2
