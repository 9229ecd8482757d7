"""`ratchet logs`: what steps have logged, live or not, and reports of failures."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

import click

from ratchet_core.cli.document import line_document
from ratchet_core.cli.failure_report import as_document, as_markdown
from ratchet_core.cli.invocation import Invocation, SharedGroup, pass_invocation
from ratchet_core.cli.opening import opened_stored
from ratchet_core.cli.output import Output, to_json
from ratchet_core.cli.since import Since, moment_of, read_since
from ratchet_core.domain.log import LEVELS, LogQuery, LogView
from ratchet_core.domain.name import parse_name
from ratchet_core.domain.states import RUN_TERMINAL
from ratchet_core.registry.error_patterns import load_error_patterns
from ratchet_core.runtime import Ratchet
from ratchet_core.runtime.failures import failure_report

_LEVEL: Final = click.Choice(tuple(LEVELS))
_STYLES: Final = {"debug": "dim", "warning": "yellow", "error": "red"}
#: Lines that are read at once.
_PART: Final = 1000
_HOUR: Final = timedelta(hours=1)


class LogGroup(SharedGroup):
    """A group that shows a log where no command of its own is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Name the command `show` where none is named."""
        named = next((arg for arg in args if not arg.startswith("-")), None)
        if named not in self.commands and not {"--help", "-h"} & set(args[:1]):
            args = ["show", *args]
        return super().parse_args(ctx, args)


@click.group("logs", cls=LogGroup)
def logs() -> None:
    """Show what steps have logged: `ratchet logs [RUN]`; or report what failed."""


@logs.command("show")
@click.argument("run", required=False)
@click.option("-f", "--follow", is_flag=True, help="Go on with new lines as they come.")
@click.option("--level", type=_LEVEL, help="At least this level.")
@click.option("--grep", metavar="TEXT", help="Only lines that contain it; a to z match A to Z.")
@click.option("--since", callback=read_since, help="Such as 15m, '1 hour ago' or an ISO time.")
@click.option("--workflow", help="Only those of NAME or namespace.NAME.")
@click.option(
    "--limit", type=click.IntRange(1, 100_000), default=1000, show_default=True, help="The newest."
)
@pass_invocation
def show(  # noqa: PLR0913 - one argument per option
    invocation: Invocation,
    run: str | None,
    level: str | None,
    grep: str | None,
    since: Since | None,
    workflow: str | None,
    limit: int,
    *,
    follow: bool,
) -> None:
    """Show lines, oldest first: those of one run, or the newest of all.

    With --json each line is a JSON object on a line of its own. With --follow it ends when the run
    does, or with Ctrl-C.
    """
    meant = parse_name(workflow) if workflow else None
    with opened_stored(invocation) as runtime:
        if run is not None:
            run = runtime.reads.run(run.lower()).id  # says so where there is none
        query = LogQuery(
            run_id=run,
            namespace=meant.namespace if meant else None,
            name=meant.name if meant else None,
            level=None if level is None else LEVELS[level],
            text=grep,
            since=None if since is None else moment_of(since, runtime.reads.schedules.now()),
        )
        place = runtime.reads.logs.end()
        found = _newest(runtime, query, limit)
        for line in found:
            _print(invocation.output, line)
        if follow:
            place = max(place, found[-1].sequence if found else 0)
            try:
                for line in _following(runtime, query, place):
                    _print(invocation.output, line)
            except KeyboardInterrupt:
                return


@logs.command("export")
@click.option(
    "--format",
    "form",
    type=click.Choice(("llm", "json", "jsonl")),
    default="llm",
    show_default=True,
    help="llm: Markdown for a language model; json: the same as a document; jsonl: the lines.",
)
@click.option(
    "--since",
    callback=read_since,
    default="1 hour ago",
    show_default=True,
    help="Such as 15m, '1 hour ago' or an ISO time.",
)
@pass_invocation
def export(invocation: Invocation, form: str, since: Since | None) -> None:
    """Report what failed: grouped, compared with known errors, with examples and their logs."""
    with opened_stored(invocation) as runtime:
        now = runtime.reads.schedules.now()
        begin = moment_of(since or _HOUR, now)
        if form == "jsonl":
            for line in _everything(runtime, LogQuery(since=begin)):
                click.echo(to_json(line_document(line)))
            return
        path = runtime.settings.logs.error_patterns
        own = () if path is None else load_error_patterns(path)
        report = failure_report(runtime, begin, now, own)
    if form == "json" or invocation.json:
        invocation.output.document(as_document(report, now))
    else:
        click.echo(as_markdown(report), nl=False)


def _newest(runtime: Ratchet, query: LogQuery, limit: int) -> list[LogView]:
    """Return the newest lines, oldest first."""
    found: list[LogView] = []
    cursor = None
    while len(found) < limit:
        part = min(_PART, limit - len(found))
        page = runtime.reads.logs.page(query, part, order="desc", cursor=cursor)
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            break
    return found[::-1]


def _everything(runtime: Ratchet, query: LogQuery) -> Iterator[LogView]:
    cursor = None
    while True:
        page = runtime.reads.logs.page(query, _PART, cursor=cursor)
        yield from page.items
        cursor = page.next_cursor
        if cursor is None:
            return


def _following(runtime: Ratchet, query: LogQuery, place: int) -> Iterator[LogView]:
    """Yield new lines as they come; those of a run until it has ended."""
    pause_s = runtime.settings.worker.poll_interval_s
    while True:
        # the state first: lines are stored before the end of their run
        state = None if query.run_id is None else runtime.reads.run_state(query.run_id)
        lines = runtime.reads.logs.after(query, place, _PART)
        for line in lines:
            place = line.sequence
            yield line
        if lines:
            continue
        if state in RUN_TERMINAL:
            return
        time.sleep(pause_s)


def _print(output: Output, line: LogView) -> None:
    if output.as_json:
        click.echo(to_json(line_document(line)))
        return
    at = line.at.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    what: Any = f"{line.workflow}/{line.step}#{line.attempt}"
    output.line(f"{at} {line.level:7} {what} {line.message}", _STYLES.get(line.level))
