"""`ratchet config`: what is set and where that came from, and whether it is sound."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import click

from ratchet_core.cli.invocation import Invocation, group, pass_invocation
from ratchet_core.cli.output import to_json
from ratchet_core.config import Settings, check_bind, explain
from ratchet_core.errors import ConfigurationError
from ratchet_core.runtime import Ratchet
from ratchet_core.runtime.outputs import check_everywhere


@group("config")
def config() -> None:
    """Show or check the configuration."""


@config.command("show")
@click.option("--changed", is_flag=True, help="Only what is not a default.")
@click.argument("prefix", required=False, default="")
@pass_invocation
def show(invocation: Invocation, prefix: str, *, changed: bool) -> None:
    """Show every setting, its value with secrets masked, and where it came from.

    PREFIX shows those whose key starts with it, such as `server`.
    """
    loaded = invocation.load()
    lines = [
        line
        for line in explain(loaded)
        if line.key.startswith(prefix) and not (changed and line.source == "default")
    ]
    if invocation.json:
        settings = {line.key: {"value": line.value, "source": line.source} for line in lines}
        file = None if loaded.file is None else str(loaded.file)
        invocation.output.document({"file": file, "settings": settings})
        return
    rows = [(line.key, to_json(line.value), line.source) for line in lines]
    invocation.output.table(("Key", "Value", "From"), rows)


@config.command("validate")
@pass_invocation
def validate(invocation: Invocation) -> None:
    """Check the configuration file and the environment; every problem is named with its place.

    The plugins check the destinations and sources that are configured; nothing is started, and
    nobody is called.
    """
    loaded = invocation.load_quietly()
    _check_by_plugins(loaded.settings, invocation.environ)
    warnings = [str(warning) for warning in loaded.warnings]
    try:
        check_bind(loaded.settings)
    except ConfigurationError as error:
        warnings.append(f"`ratchet serve` and `ratchet up` would refuse: {error.message}")
    file = None if loaded.file is None else str(loaded.file)
    if invocation.json:
        invocation.output.document({"file": file, "valid": True, "warnings": warnings})
        return
    for warning in warnings:
        invocation.output.warn(warning)
    invocation.output.line(f"{file or 'no configuration file; defaults and environment'}: valid")


def _check_by_plugins(settings: Settings, environ: Mapping[str, str]) -> None:
    """Have plugins check what is configured for them.

    Raises:
        ConfigurationError: names each problem.
    """
    runtime = Ratchet(settings, environ)
    problems = []
    checks = (partial(check_everywhere, runtime.core.destinations), runtime.inputs.check)
    for check in checks:
        try:
            check()
        except ConfigurationError as error:
            problems.append(error.message)
    runtime.close()
    if problems:
        raise ConfigurationError("\n".join(problems))
