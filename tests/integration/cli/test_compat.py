"""`ratchet compat`: a new version is held against the one before it, before it is deployed."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.house.tree import ROOT
from tests.integration.cli.conftest import Ratchet, caller, document

PAYMENTS = ROOT / "contrib" / "examples" / "payments"


def write_order(folder: Path, version: str, *required: str) -> Path:
    """Write a workflow `shop.order` into a folder of its own."""
    folder.mkdir()
    definition = {
        "name": "order",
        "namespace_name": "shop",
        "version": version,
        "schema": {"type": "object", "required": list(required)},
        "step_templates": [{"name": "take", "handler_class": "noop.Steps"}],
    }
    (folder / "order.yaml").write_text(yaml.safe_dump(definition), encoding="utf-8")
    (folder / "noop.py").write_text(
        "class Steps:\n    def process(self, context):\n        return {}\n", encoding="utf-8"
    )
    return folder


def test_tasker_064_two_versions_of_a_definition_are_compared(ratchet: Ratchet) -> None:
    names = ("payments.process_payment@2.0.0", "payments.process_payment@2.1.0")

    ended = ratchet("compat", *names, "--path", PAYMENTS, "--files-only", "--json")

    [comparison] = document(ended)["comparisons"]
    assert (comparison["old"], comparison["new"]) == names
    assert (comparison["asked"], comparison["raised"]) == ("minor", "minor")
    assert {
        "weight": "minor",
        "place": "steps.send_confirmation",
        "message": "the step is new",
    } in (comparison["changes"])
    assert ended.returncode == 0


def test_tasker_064_the_other_way_round_it_is_refused(ratchet: Ratchet) -> None:
    names = ("payments.process_payment@2.1.0", "payments.process_payment@2.0.0")

    ended = ratchet("compat", *names, "--path", PAYMENTS, "--files-only")

    assert "major  steps.send_confirmation: the step is gone" in ended.stdout
    assert "the version is not raised" in ended.stdout
    assert ended.returncode == 1


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Ratchet:
    """Give the caller of a Ratchet whose database holds version 1.0.0."""
    folder = tmp_path_factory.mktemp("deployed")
    ratchet = caller(folder)
    old = write_order(folder / "old", "1.0.0")
    assert ratchet("workflows", "sync", RATCHET_PATH=str(old)).returncode == 0
    return ratchet


@pytest.mark.parametrize(
    ("version", "verdict", "code"),
    [
        ("1.1.0", "raised by a minor step; these changes ask for a major one", 1),
        ("2.0.0", "the version says so: it is raised by a major step", 0),
        ("1.0.0", "the version is not raised", 1),
    ],
)
def test_tasker_064_what_is_to_be_deployed_is_held_against_what_is_stored(
    deployed: Ratchet, tmp_path: Path, version: str, verdict: str, code: int
) -> None:
    ended = deployed("compat", "--path", write_order(tmp_path / "new", version, "city"))

    assert "major  input.city: is required now" in ended.stdout
    assert verdict in ended.stdout
    assert ended.returncode == code


def test_tasker_064_all_examples_say_what_changed(ratchet: Ratchet) -> None:
    ended = ratchet("compat", "--path", PAYMENTS.parent, "--files-only", "--json")

    assert document(ended)["compatible"] is True
    assert document(ended)["comparisons"]
    assert ended.returncode == 0


def test_a_version_that_is_nowhere_is_named(ratchet: Ratchet) -> None:
    names = ("payments.process_payment@9.9.9", "payments.process_payment@2.1.0")

    ended = ratchet("compat", *names, "--path", PAYMENTS, "--files-only")

    assert "payments.process_payment@9.9.9" in ended.stderr
    assert ended.returncode == 1


def test_two_workflows_are_not_compared(ratchet: Ratchet) -> None:
    names = ("payments.process_payment@2.1.0", "payments.refund_payment")

    ended = ratchet("compat", *names, "--path", PAYMENTS, "--files-only")

    assert ended.returncode == 2
