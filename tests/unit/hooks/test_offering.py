"""What plugins offer is asked for once, by whoever looks at them first."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ratchet_core.hooks import Hooks
from ratchet_core.hooks.bounded import NoThread
from ratchet_core.runtime.plugin_view import Plugins
from ratchet_core.store.database import Database
from tests.unit.hooks.plugin_house import HANDLER, Shelf, no_threads, services

#: Notes that it is asked, and answers when it may.
SLOW = HANDLER.replace(
    "    return", "    asked.append(1)\n    going.set()\n    over.wait(30)\n    return"
)
EVENTS = "asked, going, over = [], threading.Event(), threading.Event()\n"


def plugins_of(hooks: Hooks, folder: Path) -> Plugins:
    return Plugins(hooks, Database(f"sqlite:///{folder / 'ratchet.db'}"), lambda: None)


def test_who_looks_at_plugins_meanwhile_waits_for_all_that_they_offer(
    shelf: Shelf, tmp_path: Path
) -> None:
    hooks = shelf.hooks(shelf.put("slow", EVENTS + SLOW))
    plugins = plugins_of(hooks, tmp_path)
    [state] = hooks.plugins
    assert state.module is not None

    def look() -> list[str]:
        plugins.offer(services)
        return list(state.provides)

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(look)
        state.module.going.wait()
        second = pool.submit(look)
        with pytest.raises(TimeoutError):
            second.result(0.2)
        state.module.over.set()

        assert first.result() == second.result() == ["step handler shout"]
    assert state.module.asked == [1]


def test_an_offer_that_could_not_be_asked_for_is_asked_for_again(
    shelf: Shelf, tmp_path: Path
) -> None:
    hooks = shelf.hooks(shelf.put("good", HANDLER))
    plugins = plugins_of(hooks, tmp_path)

    with no_threads(), pytest.raises(NoThread):
        plugins.offer(services)
    plugins.offer(services)

    assert hooks.plugins[0].provides == ["step handler shout"]
