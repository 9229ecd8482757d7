"""Each contract fails for what breaks a promise, and passes for what keeps them all.

The files in `broken` hold parts of plugins that break one promise each. They are run as an author
runs the tests of a plugin: in a pytest of their own.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
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
        "TestTellsTheSigningSecret": ("test_no_secret_is_told", "shown in what came"),
        "TestLogsTheSigningSecret": ("test_no_secret_is_told", "shown in the log"),
        "TestReturnsNothing": ("test_a_run_is_delivered_to_it", "no outcome"),
        "TestClosesOnce": ("test_it_can_be_closed_more_than_once", "AttributeError"),
    },
    "authenticators": {
        "TestNameless": ("test_configuration_can_name_it", "set `name`"),
        "TestRefusesStrangers": ("test_other_credentials_are_left_to_the_next", "unknown"),
        "TestKnowsEverybodyAsOne": ("test_valid_credentials_name_their_caller", "somebody"),
        "TestPassesOn": ("test_invalid_credentials_are_refused_and_not_passed_on", "be refused"),
        "TestReadsTheBeginning": ("test_damaged_credentials_let_nobody_in", "it let Principal"),
        "TestKeepsTheLatest": ("test_several_threads_are_answered_as_one", "bob"),
        "TestKeepsTheRequest": ("test_nothing_of_a_request_is_kept", "keeps a request"),
        "TestTellsThePhrase": ("test_no_error_holds_a_part_of_the_credentials", "in an error"),
    },
    "sources": {
        "TestConnectsAtOnce": (
            "test_good_options_are_accepted_without_asking_anybody",
            "reaches for the network",
        ),
        "TestAcknowledgesFirst": (
            "test_a_message_is_acknowledged_only_after_its_run_is_stored",
            "before its run was stored",
        ),
        "TestNamesByTheTime": (
            "test_a_message_that_was_not_stored_comes_again_under_the_same_name",
            "identity",
        ),
        "TestNamesAllAlike": (
            "test_each_message_is_fed_as_json_under_a_name_of_its_own",
            "len(",
        ),
        "TestFeedsNoJson": (
            "test_each_message_is_fed_as_json_under_a_name_of_its_own",
            "not JSON serializable",
        ),
        "TestSaysNothing": (
            "test_each_message_is_fed_as_json_under_a_name_of_its_own",
            "when connected",
        ),
        "TestRequeuesForEver": (
            "test_a_message_that_can_never_be_stored_does_not_come_for_ever",
            "to be put aside",
        ),
        "TestForgetsResults": (
            "test_with_results_a_message_waits_for_its_run[True]",
            "before its run had ended",
        ),
        "TestNeverStops": ("test_it_ends_when_it_is_asked_to", "it did not end within"),
        "TestTellsThePassword": (
            "test_a_server_that_is_away_is_told_of_and_can_be_waited_for",
            "what it says of the server",
        ),
        "TestClosesOnce": ("test_it_can_be_closed_more_than_once", "AttributeError"),
    },
    "webhooks": {
        "TestTrustsEverybody": ("test_another_body_than_was_signed_is_refused", "to be refused"),
        "TestForgetsTheTime": ("test_a_request_of_another_time_is_refused[3600]", "to be refused"),
        "TestReadsTextAlone": (
            "test_what_its_sender_signs_is_verified[bytes]",
            "UnicodeDecodeError",
        ),
        "TestNamesByTheTime": (
            "test_a_request_that_comes_again_has_the_same_name_and_another_has_another",
            "first == again",
        ),
        "TestAsksTheSender": (
            "test_what_its_sender_signs_is_verified[json]",
            "reaches for the network",
        ),
        "TestTellsTheSecret": ("test_no_secret_is_told", "shown in an error"),
        "TestKeepsTheLatest": ("test_several_threads_are_answered_as_one", "True"),
    },
}
#: What failed: (class, test) to the text of its failure; what passed: the empty text.
Outcomes = Mapping[tuple[str, str], str]


@pytest.fixture(scope="module")
def known() -> dict[str, Outcomes]:
    """Keep what came of each file: it is run once."""
    return {}


@pytest.fixture
def outcomes(
    request: pytest.FixtureRequest, known: dict[str, Outcomes], tmp_path: Path
) -> Outcomes:
    """Give what came of a file of broken parts."""
    name = request.param
    if name not in known:
        known[name] = {}  # where it cannot be run, it is not tried again for each of them
        known[name] = _run(name, tmp_path / "report.xml")
    return known[name]


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
        timeout=100,
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


@pytest.mark.parametrize("outcomes", BROKEN, indirect=True)
def test_what_keeps_every_promise_passes(outcomes: Outcomes) -> None:
    sound = {test: why for (kind, test), why in outcomes.items() if kind == "TestSound"}

    assert {test: why for test, why in sound.items() if why} == {}
    assert len(sound) >= 10


@pytest.mark.parametrize(
    ("outcomes", "kind", "test", "reason"),
    [
        pytest.param(name, kind, test, reason, id=f"{name}-{kind}")
        for name, kinds in BROKEN.items()
        for kind, (test, reason) in kinds.items()
    ],
    indirect=["outcomes"],
)
def test_what_breaks_a_promise_fails_and_says_why(
    outcomes: Outcomes, kind: str, test: str, reason: str
) -> None:
    assert reason in outcomes[kind, test]
