"""`ratchet test`: run the test cases that scripts bring along, without a server."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

from ratchet_core.cli.document import problem_document
from ratchet_core.cli.exit_code import ExitCode
from ratchet_core.cli.invocation import Invocation, command, pass_invocation
from ratchet_core.cli.opening import opened_paths, scratch
from ratchet_core.cli.output import Output
from ratchet_core.cli.testing.trial import Trial, Trials, Verdict
from ratchet_core.domain.log import LEVEL_NAMES
from ratchet_core.registry.found import DefinitionProblem


@command("test")
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--logs", is_flag=True, help="Show what the scripts of failed cases have logged.")
@pass_invocation
def test(invocation: Invocation, paths: tuple[Path, ...], *, logs: bool) -> ExitCode:
    """Run the cases in tests/*.json of every script below PATHS; exit code 1 where one fails.

    A case has an `input` and an `expected_output`, an `expected_error` or `assertions`. Where it
    has an HTTP mock, nothing is sent. Without PATHS, those of RATCHET_PATH are taken.
    """
    settings = invocation.load().settings
    chosen = paths or settings.registry.directories
    if not chosen:
        raise click.UsageError("name a PATH, or set RATCHET_PATH")
    with scratch(settings) as own, opened_paths(invocation, own, chosen) as (runtime, loaded):
        trials = Trials(runtime)
        done = [
            trials.run(found, case) for found in loaded.definitions for case in found.test_cases
        ]
    counts = Counter(trial.verdict for trial in done)
    if invocation.json:
        document = {
            "passed": counts["passed"],
            "failed": counts["failed"],
            "skipped": counts["skipped"],
            "cases": done,
            "problems": [problem_document(problem) for problem in loaded.problems],
        }
        invocation.output.document(document)
    else:
        _print(invocation.output, done, loaded.problems, counts, logs=logs)
    if counts["failed"]:
        return ExitCode.FAILED
    return ExitCode.CONFIGURATION if loaded.problems else ExitCode.OK


def _print(
    output: Output,
    done: list[Trial],
    problems: tuple[DefinitionProblem, ...],
    counts: Counter[Verdict],
    *,
    logs: bool,
) -> None:
    for problem in problems:
        output.note(f"error: {problem.message}")
    if not done:
        output.line("OK: there is no test case here; put some into the tests/ of a task")
        return
    rows = [
        (trial.workflow, trial.case, trial.verdict, f"{trial.duration_ms:.0f} ms") for trial in done
    ]
    output.table(("Workflow", "Case", "Verdict", "Time"), rows)
    for trial in done:
        if trial.verdict != "passed":
            _print_reasons(output, trial, logs=logs)
    verdicts = f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped"
    output.line(verdicts, "red" if counts["failed"] else "green")


def _print_reasons(output: Output, trial: Trial, *, logs: bool) -> None:
    output.line(f"{trial.verdict}: {trial.workflow}: {trial.case} ({trial.file})", "bold")
    for reason in trial.reasons:
        output.line(f"  {reason}")
    if logs:
        for line in trial.logs:
            output.line(f"  {LEVEL_NAMES[line.level]}: {line.message}", "dim")
