"""One call of `ratchet`: the options that every command takes, and the settings they lead to."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final

import click

from ratchet_core.cli.output import Output
from ratchet_core.config import LoadedSettings, load_settings

#: Levels that `--log-level` takes.
LOG_LEVELS: Final = ("trace", "debug", "info", "warn", "error", "critical")


@dataclass(slots=True)
class Invocation:
    """What was said besides the command and its own options."""

    environ: Mapping[str, str] = field(default_factory=dict)  #: the environment
    config: Path | None = None  #: `--config`
    data_dir: Path | None = None  #: `--data-dir`
    log_level: str | None = None  #: `--log-level`
    json: bool = False  #: `--json`
    debug: bool = False  #: `--debug`

    @property
    def output(self) -> Output:
        """Where the command writes."""
        return Output(as_json=self.json)

    def load(self, overrides: Mapping[str, object] | None = None) -> LoadedSettings:
        """Read the settings, and tell on standard error what is odd about them.

        Args:
            overrides: by path below `Settings`; None as a value means "not given".

        Raises:
            ConfigurationError: names every problem, one a line.
        """
        loaded = self.load_quietly(overrides)
        for warning in loaded.warnings:
            self.output.warn(str(warning))
        return loaded

    def load_quietly(self, overrides: Mapping[str, object] | None = None) -> LoadedSettings:
        """Read the settings without a word about warnings.

        Raises:
            ConfigurationError: names every problem, one a line.
        """
        given = {"data_dir": self.data_dir, "logging.level": self.log_level, **(overrides or {})}
        return load_settings(self.config, self.environ, given)


#: Hands the invocation to a command as its first argument.
pass_invocation = click.make_pass_decorator(Invocation, ensure=True)


def _keep(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    """Put a shared option on the invocation, wherever on the command line it stood."""
    if value not in (None, False) and parameter.name is not None:
        setattr(context.ensure_object(Invocation), parameter.name, value)


def shared_options(*, hidden: bool) -> list[click.Parameter]:
    """Return the options that may stand before the command and after it.

    Args:
        hidden: leave them out of the help, but for `--json`.
    """
    make = functools.partial(click.Option, expose_value=False, callback=_keep)
    file = click.Path(dir_okay=False, path_type=Path)
    folder = click.Path(file_okay=False, path_type=Path)
    return [
        make(["--json"], is_flag=True, help="Print JSON, for programs."),
        make(
            ["--config"],
            type=file,
            help="The configuration file; else RATCHET_CONFIG, else ratchet.yaml.",
            hidden=hidden,
        ),
        make(["--data-dir"], type=folder, help="Where Ratchet keeps its state.", hidden=hidden),
        make(
            ["--log-level"],
            type=click.Choice(LOG_LEVELS),
            help="Lowest level that is logged.",
            hidden=hidden,
        ),
        make(["--debug"], is_flag=True, help="Show tracebacks of errors.", hidden=hidden),
    ]


class SharedCommand(click.Command):
    """A command that takes the shared options too."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += shared_options(hidden=True)


class SharedGroup(click.Group):
    """A group whose commands take the shared options too."""

    command_class = SharedCommand
    #: Whether the help leaves the shared options out.
    hides_shared: ClassVar[bool] = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += shared_options(hidden=self.hides_shared)


def command(name: str | None = None, **attributes: Any) -> Callable[..., click.Command]:
    """Make a command of a function, with the shared options."""
    return click.command(name, cls=SharedCommand, **attributes)


def group(name: str | None = None, **attributes: Any) -> Callable[..., click.Group]:
    """Make a group of a function, with the shared options."""
    return click.group(name, cls=SharedGroup, **attributes)
