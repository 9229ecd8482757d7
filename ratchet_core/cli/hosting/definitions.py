"""Storing the definitions of `ratchet up`, at start and on change, each time in a fresh process.

A fresh process sees changed Python code as it is, and leaves nothing behind in the parent.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import orjson

from ratchet_core.cli.exit_code import ExitCode
from ratchet_core.cli.hosting.part import ratchet_command
from ratchet_core.config import Settings
from ratchet_core.errors import ConfigurationError, RatchetError, Unavailable
from ratchet_core.registry.found import DefinitionProblem
from ratchet_core.registry.watch import DEBOUNCE_S, ChangeDetector


@dataclass(frozen=True, slots=True)
class Synced:
    """What a sync has stored, and what it could not."""

    workflows: tuple[str, ...] = ()  #: full names of all sound versions
    added: tuple[str, ...] = ()  #: new versions
    replaced: tuple[str, ...] = ()  #: versions with new content
    problems: tuple[DefinitionProblem, ...] = ()  #: broken definitions
    notes: tuple[DefinitionProblem, ...] = ()  #: probably not meant
    example: Mapping[str, Any] | None = None  #: `task_id` and `input` of a workflow to try


class SyncProcess:
    """One `ratchet workflows sync --replace` under way.

    Args:
        arguments: shared options.
        environ: of the process.
    """

    def __init__(self, arguments: Sequence[str], environ: Mapping[str, str]) -> None:
        self._output: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - read and closed by `result`
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - see above
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and code
            ratchet_command(["workflows", "sync", "--replace", "--json", *arguments]),
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._errors,
        )

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    def result(self) -> Synced:
        """Wait for its end and return what it did.

        Raises:
            RatchetError: it could not do it, such as without a database.
        """
        code = self._process.wait()
        with self._output, self._errors:
            self._output.seek(0)
            self._errors.seek(0)
            output, errors = self._output.read(), self._errors.read()
        if code not in (ExitCode.OK, ExitCode.CONFIGURATION) or not output.strip():
            raise _failure(code, errors.decode(errors="replace"))
        return _synced(orjson.loads(output))

    def end(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.wait()


def _failure(code: int, errors: str) -> RatchetError:
    kinds: dict[int, type[RatchetError]] = {
        ExitCode.CONFIGURATION: ConfigurationError,
        ExitCode.UNAVAILABLE: Unavailable,
    }
    last = errors.strip().rpartition("\n")[2]
    try:
        message = str(orjson.loads(last)["error"]["message"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        message = f"storing the definitions ended with {code}: {errors.strip()[-500:]}"
    return kinds.get(code, RatchetError)(message)


def _synced(document: Mapping[str, Any]) -> Synced:
    return Synced(
        workflows=tuple(document["workflows"]),
        added=tuple(document["added"]),
        replaced=tuple(document["replaced"]),
        problems=tuple(_problem(item) for item in document["problems"]),
        notes=tuple(_problem(item) for item in document["notes"]),
        example=document.get("example"),
    )


def _problem(item: Mapping[str, Any]) -> DefinitionProblem:
    return DefinitionProblem(item["file"], item["reason"], item["line"], item["place"])


@dataclass(slots=True)
class Watching:
    """Looks at the files of the definitions now and then.

    Args:
        settings: name the directories and the times.
    """

    settings: Settings
    _detector: ChangeDetector = field(init=False)
    _look_at: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        registry = self.settings.registry
        watched = [item for item in registry.sources if item.enabled and item.watch is not False]
        folders = [*registry.paths, *(item.directory for item in watched)]
        paths = list(dict.fromkeys(path for path in folders if path is not None))
        quiet_s = max([DEBOUNCE_S, *(item.debounce_s for item in watched)])
        self._detector = ChangeDetector(paths, quiet_s)

    def changed(self, now: float) -> frozenset[Path]:
        """Return the files that have changed and settled; mostly none."""
        if now < self._look_at:
            return frozenset()
        self._look_at = now + min(self.settings.registry.poll_interval_s, DEBOUNCE_S)
        return self._detector.changed_paths(now)
