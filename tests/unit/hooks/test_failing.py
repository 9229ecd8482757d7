"""What is told of a plugin whose latest call failed."""

from __future__ import annotations

import pytest

from ratchet_core.errors import PluginError, Refused
from ratchet_core.hooks import state
from tests.unit.hooks.plugin_house import Shelf, submission

GATE = """
@hookimpl
def ratchet_before_submit(submission):
    if submission.workflow == "odd":
        raise ValueError("bad plugin")
    if submission.workflow == "secret":
        raise Refused("not today")
"""


@pytest.mark.parametrize("next_one", ["w", "secret"])
def test_a_failure_is_told_until_the_next_call_goes_well(shelf: Shelf, next_one: str) -> None:
    hooks = shelf.hooks(shelf.put("gate", GATE))
    [plugin] = hooks.plugins

    with pytest.raises(PluginError):
        hooks.calls.before_submit(submission(workflow="odd"))

    assert plugin.failure() == "ratchet_before_submit raised ValueError: bad plugin"
    assert plugin.state == "active"
    try:
        hooks.calls.before_submit(submission(workflow=next_one))
    except Refused:
        assert next_one == "secret"
    assert plugin.failure() == ""
    assert plugin.errors == 1


def test_a_failure_of_long_ago_is_told_no_more(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    hooks = shelf.hooks(shelf.put("gate", GATE))
    with pytest.raises(PluginError):
        hooks.calls.before_submit(submission(workflow="odd"))

    monkeypatch.setattr(state, "_FAILING_S", -1.0)

    assert hooks.plugins[0].failure() == ""
