"""The way in: run the command line, and turn every end of it into an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence

import click

from ratchet_core.cli.exit_code import ExitCode, exit_code_of
from ratchet_core.cli.invocation import Invocation
from ratchet_core.cli.output import to_json
from ratchet_core.cli.root import root
from ratchet_core.errors import RatchetError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code.

    Args:
        arguments: without the program's name; None takes those of the process.
    """
    invocation = Invocation(environ=os.environ)
    given = None if arguments is None else list(arguments)
    try:
        ended = root.main(given, prog_name="ratchet", standalone_mode=False, obj=invocation)
    except RatchetError as error:
        return _tell(invocation, error, error.code, error.message, exit_code_of(error))
    except click.Abort:
        click.echo("interrupted", err=True)
        return ExitCode.INTERRUPTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except BrokenPipeError:
        # whoever read our output has enough; the interpreter must not try to flush the rest
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.FAILED
    except Exception as error:  # noqa: BLE001 - a command line ends in a line, not a traceback
        message = f"{type(error).__name__}: {error} (a fault of Ratchet; --debug shows where)"
        return _tell(invocation, error, "INTERNAL_ERROR", message, ExitCode.FAILED)
    return ended if isinstance(ended, int) else ExitCode.OK


def _tell(
    invocation: Invocation, error: Exception, code: str, message: str, exit_code: ExitCode
) -> int:
    if invocation.debug:
        traceback.print_exception(error)
    if invocation.json:
        details = getattr(error, "details", None) or None
        document = {"code": code, "message": message, "details": details}
        click.echo(to_json({"error": document}), err=True)
        return exit_code
    click.echo(f"ratchet: {message}", err=True)
    for place, problems in (getattr(error, "details", None) or {}).items():
        for problem in problems if isinstance(problems, list) else [problems]:
            click.echo(f"  {place}: {problem}", err=True)
    return exit_code
