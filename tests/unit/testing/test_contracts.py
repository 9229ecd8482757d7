"""Each contract fails for what breaks a promise, and passes for what keeps them all.

The files in `broken` hold parts of plugins that break one promise each. They are run as an author
runs the tests of a plugin: in a pytest of their own.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.house.tree import ROOT

pytestmark = [pytest.mark.xdist_group("contracts"), pytest.mark.timeout(180)]

HERE = Path(__file__).parent / "broken"
#: File to class to the promise that it breaks, and what the failure has to say.
BROKEN: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "handlers": {
        "TestNameless": ("test_definitions_can_name_it", "set `name`"),
        "TestAcceptsAnything": ("test_bad_configurations_are_refused_with_reasons", "nothing wr"),
        "TestRefusesTheGood": ("test_a_good_configuration_is_accepted", "what: no"),
        "TestChecksByRaising": ("test_checking_answers_whatever_is_configured", "KeyError"),
        "TestReturnsNoJson": ("test_a_step_completes_with_a_json_value", "INVALID_RESULT"),
        "TestWorksOnce": ("test_a_step_can_be_run_again", "exists already"),
        "TestChangesTheInput": ("test_what_a_step_is_given_is_left_as_it_is", "changed the run"),
        "TestKeepsTheContext": ("test_nothing_of_an_attempt_is_kept", "keeps the context"),
        "TestRaisesPlainErrors": ("test_lasting_failures_are_permanent", "raise PermanentError"),
        "TestSpeaksInProse": ("test_lasting_failures_are_permanent", "in upper case"),
        "TestNeverEnds": ("test_a_step_ends_at_its_time_limit", "had not ended"),
        "TestTellsTheToken": ("test_no_secret_is_told", "shown in a result or a failure"),
        "TestLogsTheToken": ("test_no_secret_is_told", "shown in the log"),
        "TestClosesOnce": ("test_it_can_be_closed_more_than_once", "IndexError"),
        "TestSaysNothing": ("test_a_step_can_be_run_again", "override the fixture"),
    },
    "outputs": {
        "TestShouts": ("test_configuration_can_name_it", "lower case"),
        "TestAsksAround": (
            "test_good_options_are_accepted_without_asking_anybody",
            "reaches for the network",
        ),
        "TestNamesNoKey": ("test_bad_options_are_refused_with_their_keys", "begins with its key"),
        "TestChecksByRaising": ("test_checking_answers_whatever_is_configured", "KeyError"),
        "TestHidesNoKey": (
            "test_secrets_stand_under_keys_that_are_known_as_secret",
            "password",
        ),
        "TestSaysItTooSoon": ("test_what_is_said_to_be_delivered_is_there", "other side has []"),
        "TestSendsDoubles": ("test_a_delivery_can_be_sent_again", "twice"),
        "TestMixesThreads": ("test_several_threads_deliver_at_once", "number"),
        "TestGivesUp": ("test_a_place_that_is_away_is_tried_again", "may help"),
        "TestNeverGivesUp": ("test_a_place_that_refuses_is_not_tried_again", "would not help"),
        "TestWaitsForEver": ("test_a_delivery_ends_at_its_time_limit", "had not ended"),
        "TestTellsThePassword": ("test_no_secret_is_told", "shown in what came"),
        "TestLogsTheSigningSecret": ("test_no_secret_is_told", "shown in the log"),
        "TestReturnsNothing": ("test_a_run_is_delivered_to_it", "no outcome"),
        "TestClosesOnce": ("test_it_can_be_closed_more_than_once", "AttributeError"),
    },
}
#: What failed: (class, test) to the text of its failure; what passed: the empty text.
Outcomes = Mapping[tuple[str, str], str]


@pytest.fixture(scope="module")
def outcomes_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Outcomes]:
    """Give a function that runs a file of broken parts, once, and tells what came of it."""
    known: dict[str, Outcomes] = {}

    def outcomes(name: str) -> Outcomes:
        if name not in known:
            known[name] = _run(name, tmp_path_factory.mktemp(name) / "report.xml")
        return known[name]

    return outcomes


def _run(name: str, report: Path) -> Outcomes:
    file = HERE / f"{name}.py"
    wanted = [f"{file}::TestSound"]
    wanted += [f"{file}::{kind}::{test}" for kind, (test, _) in BROKEN[name].items()]
    options = ["-p", "no:cacheprovider", "-p", "no:xdist", "-q", f"--junitxml={report}"]
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *wanted],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=150,
    )
    assert ended.returncode == 1, ended.stdout + ended.stderr
    cases = ET.parse(report).iter("testcase")  # noqa: S314 - written by pytest itself
    return {
        (str(case.get("classname")).rpartition(".")[2], str(case.get("name"))): "\n".join(
            f"{part.get('message')}\n{part.text}"
            for part in case
            if part.tag in {"failure", "error"}
        )
        for case in cases
    }


@pytest.mark.parametrize("name", BROKEN)
def test_what_keeps_every_promise_passes(name: str, outcomes_of: Callable[[str], Outcomes]) -> None:
    sound = {test: why for (kind, test), why in outcomes_of(name).items() if kind == "TestSound"}

    assert {test: why for test, why in sound.items() if why} == {}
    assert len(sound) >= 10


@pytest.mark.parametrize(
    ("name", "kind"), [(name, kind) for name, kinds in BROKEN.items() for kind in kinds]
)
def test_what_breaks_a_promise_fails_and_says_why(
    name: str, kind: str, outcomes_of: Callable[[str], Outcomes]
) -> None:
    test, reason = BROKEN[name][kind]

    assert reason in outcomes_of(name)[kind, test]
