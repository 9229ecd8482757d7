"""The look after what nobody else looks after."""

from __future__ import annotations

import os

from ratchet_core.engine.work import DrainInfo
from ratchet_core.worker.maintenance import Maintenance
from tests.unit.worker.conftest import Bench, new_id


class Rung:
    """Notes rings and top-ups."""

    def __init__(self) -> None:
        self.rings: list[tuple[str, int]] = []
        self.topped_up = 0

    def ring(self, queue: str, count: int = 1) -> None:
        self.rings.append((queue, count))

    def top_up(self) -> int:
        self.topped_up += 1
        return 0


class Clocks:
    """A clock that never jumps and one that does, moved by hand."""

    def __init__(self) -> None:
        self.monotonic, self.wall = 100.0, 1_000_000.0

    def advance(self, seconds: float, *, wall: float | None = None) -> None:
        self.monotonic += seconds
        self.wall += seconds if wall is None else wall


def made(bench: Bench, clocks: Clocks, rung: Rung) -> Maintenance:
    return Maintenance(
        bench.engine,
        rung,
        rung,
        queues=["default"],
        lease_s=30.0,
        monotonic=lambda: clocks.monotonic,
        wall=lambda: clocks.wall,
    )


def silent_drain(bench: Bench) -> None:
    """Leave a claim behind whose lease has run out."""
    bench.define_one("quick")
    bench.submit("quick")
    info = DrainInfo(id=new_id(), host="gone", pid=os.getpid(), worker="w", queues=("default",))
    bench.engine.open_drain(info)
    assert bench.engine.claim(info.id, ["default"], 1)
    with bench.engine._core.database.write() as tx:
        tx.exec_driver_sql("UPDATE drains SET lease_until = 0")


def test_the_reaper_waits_one_lease_after_its_start(bench: Bench) -> None:
    clocks, rung = Clocks(), Rung()
    maintenance = made(bench, clocks, rung)
    silent_drain(bench)
    clocks.advance(29.9)
    maintenance.tick()
    early = bench.engine.ready_count(["default"])
    clocks.advance(0.2)
    maintenance.tick()

    assert early == 0
    assert bench.engine.ready_count(["default"]) == 1


def test_the_reaper_waits_one_lease_after_a_jump_of_the_clock(bench: Bench) -> None:
    clocks, rung = Clocks(), Rung()
    maintenance = made(bench, clocks, rung)
    clocks.advance(60)
    maintenance.tick()
    silent_drain(bench)
    clocks.advance(1, wall=3600)
    maintenance.tick()
    after_jump = bench.engine.ready_count(["default"])
    clocks.advance(30)
    maintenance.tick()

    assert after_jump == 0
    assert bench.engine.ready_count(["default"]) == 1


def test_queues_that_wait_longer_than_a_look_are_rung_for(bench: Bench) -> None:
    rung = Rung()
    maintenance = made(bench, Clocks(), rung)
    bench.define_one("quick")
    bench.submit("quick", 3)
    maintenance.tick()
    first = list(rung.rings)
    maintenance.tick()

    assert first == []
    assert rung.rings == [("default", 3)]


def test_idle_hosts_are_given_drains_with_every_look(bench: Bench) -> None:
    rung = Rung()
    made(bench, Clocks(), rung).tick()

    assert rung.topped_up == 1


def test_the_log_of_sqlite_is_emptied_above_64_mib(bench: Bench) -> None:
    limits: list[int] = []
    rung = Rung()
    Maintenance(
        bench.engine, rung, rung, queues=["default"], lease_s=30.0, checkpoint=limits.append
    ).tick()

    assert limits == [64 * 1024 * 1024]
