"""The row of submits under load: without load there is no figure, and it says why."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from ratchet_core.cli.bench import load
from ratchet_core.cli.bench.figure import SQLITE
from ratchet_core.cli.bench.plan import TINY
from ratchet_core.cli.bench.raw import Bounds
from ratchet_core.cli.bench.site import opened
from ratchet_core.cli.bench.workload import install_plugin
from tests.processes import environment

BOUNDS = Bounds(full_s=0.001, normal_s=0.001, look_s=0.001)


@pytest.mark.timeout(120)  # on a busy machine the processes take long to start
def test_a_backlog_that_is_gone_too_soon_is_stored_larger_and_named_at_last(
    tmp_path: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "_PAUSE_S", 0.2)  # a second for what the drains do in much less
    monkeypatch.setattr(load, "_GROWTH", 2)
    plan = dataclasses.replace(TINY, backlog=4)
    plugins, folder = tmp_path / "plugins", tmp_path / "site"
    install_plugin(plugins)
    url = f"sqlite:///{folder / 'ratchet.db'}"

    with opened(folder, SQLITE, url, redis_url, plugins, environment(tmp_path), plan) as site:
        figures = list(load.load(site, BOUNDS))

    assert [(figure.value, figure.size) for figure in figures] == [(None, 1), (None, 1)]
    pattern = (
        r"the drains had \d+ of 16 runs left after 5 of 5 submits in .* s: they idled meanwhile"
    )
    assert [bool(re.fullmatch(pattern, figure.reason)) for figure in figures] == [True, True]
