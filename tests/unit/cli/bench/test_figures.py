"""The arithmetic of figures: percentiles, aims, and the comparison with the peers."""

from __future__ import annotations

import pytest

from ratchet_core.cli.bench.figure import (
    SQLITE,
    Aim,
    Figure,
    Key,
    at_percentile,
    measured,
    percentile,
    unmeasured,
)
from ratchet_core.cli.bench.report import fastest_peer, ratio, summary


def _rate(system: str, value: float | None, key: Key = Key.ONE_BY_ONE) -> Figure:
    return Figure(name="no-op", system=system, database=SQLITE, key=key, unit="runs/s", value=value)


@pytest.mark.parametrize(
    ("percent", "expected"), [(50, 50.0), (99, 99.0), (99.5, 100.0), (100, 100.0), (0, 1.0)]
)
def test_a_percentile_is_the_smallest_sample_that_enough_others_do_not_exceed(
    percent: float, expected: float
) -> None:
    samples = [float(number) for number in range(100, 0, -1)]

    assert percentile(samples, percent) == expected


def test_the_99th_percentile_of_few_samples_is_the_largest() -> None:
    figure = at_percentile([3.0, 1.0, 2.0], 99, Figure(name="latency"))

    assert (figure.value, figure.least, figure.most, figure.samples) == (3.0, 1.0, 3.0, 3)


def test_a_measured_figure_has_the_median_and_the_range() -> None:
    figure = measured([9.0, 1.0, 2.0], Figure(name="chain"))

    assert (figure.value, figure.least, figure.most, figure.samples) == (2.0, 1.0, 9.0, 3)


@pytest.mark.parametrize(
    ("aim", "value", "met"),
    [
        (Aim(8_000, at_most=False), 8_000, True),
        (Aim(8_000, at_most=False), 7_999, False),
        (Aim(60, at_most=True), 59.9, True),
        (Aim(60, at_most=True), 60.0, False),
    ],
)
def test_an_aim_is_met_at_its_limit_for_rates_and_only_below_it_for_times(
    aim: Aim, value: float, met: bool
) -> None:
    assert aim.is_met_by(value) is met


def test_a_rate_is_compared_with_the_best_rate_of_any_peer_however_it_was_fed() -> None:
    ours = _rate("Ratchet", 9_000)
    figures = [
        ours,
        _rate("raw", 90_000, Key.OTHER),
        _rate("slow", 100),
        _rate("fast", 3_000, Key.BATCHES),
        _rate("broken", None),
    ]

    rival = fastest_peer(ours, figures)

    assert rival is not None
    assert rival.system == "fast"
    assert ratio(ours, rival) == 3.0


def test_of_latencies_the_lowest_is_the_best_and_the_ratio_says_how_many_times_better() -> None:
    ours = Figure(name="p50", key=Key.LATENCY_P50, unit="ms", value=4.0)
    peer = Figure(name="p50", system="quick", key=Key.LATENCY_P50, unit="ms", value=2.0)
    slow = Figure(name="p50", system="slow", key=Key.LATENCY_P50, unit="ms", value=40.0)

    rival = fastest_peer(ours, [ours, slow, peer])

    assert rival is peer
    assert ratio(ours, peer) == 0.5


def test_the_summary_says_each_aim_and_what_was_got() -> None:
    aim = Aim(8_000, at_most=False)
    plain = _rate("Ratchet", 9_000)
    met = measured([9_000.0], Figure(name="runs", database=SQLITE, unit="runs/s", aim=aim))
    missed = measured([7_000.0], Figure(name="runs", database=SQLITE, unit="runs/s", aim=aim))

    text = summary([met, missed, plain, _rate("peer", 6_000)])

    assert text.splitlines() == [
        "SQLite: runs: aim 8,000 runs/s, got 9,000 runs/s: met",
        "SQLite: runs: aim 8,000 runs/s, got 7,000 runs/s: NOT met",
        "SQLite: no-op: aim twice the fastest peer (peer, 6,000 jobs/s), got 1.50 times: NOT met",
    ]


def test_what_did_not_run_has_a_reason_and_no_value() -> None:
    figure = unmeasured(Figure(name="runs", database=SQLITE, aim=Aim(1, at_most=True)), "no server")

    text = summary([figure])

    assert figure.value is None
    assert figure.is_met is None
    assert text.endswith("not measured: no server")
