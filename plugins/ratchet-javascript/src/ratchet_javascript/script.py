"""What a step's `handler_config` and files say: which script, with which prelude and limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

from ratchet_core.sdk import PermanentError

#: Names that `handler_config` of a script step may hold.
CONFIG_KEYS: Final = ("script", "memory_limit_mb")
_MEMORY_MB: Final = range(8, 4097)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a script may use at most."""

    memory_mb: int = 64  #: of the engine, where the step names none
    output_bytes: int = 10_000_000  #: of the result as JSON
    log_lines: int = 1000  #: of the console, per attempt

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Limits:
        """Return the limits that the plugin's settings name.

        Args:
            settings: `memory_limit_mb`, `output_limit_bytes`, `log_lines`, all optional.

        Raises:
            ValueError: a setting is unknown or no positive whole number.
        """
        names = {
            "memory_limit_mb": "memory_mb",
            "output_limit_bytes": "output_bytes",
            "log_lines": "log_lines",
        }
        for key, value in settings.items():
            if key not in names:
                raise ValueError(f"unknown setting {key!r}; known are {', '.join(names)}")
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ValueError(f"{key} must be a positive whole number, not {value!r}")
        return cls(**{names[key]: value for key, value in settings.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A script that can be run."""

    files: tuple[tuple[str, str], ...]  #: (path, source): the prelude in name order, the script
    memory_bytes: int  #: limit of the engine

    @classmethod
    def of(cls, config: Mapping[str, Any], files: Mapping[str, str], limits: Limits) -> Script:
        """Return the script that a step names.

        Raises:
            PermanentError: the configuration is wrong or the script is missing.
        """
        problems = problems_of(config, files)
        if problems:
            raise PermanentError("; ".join(problems), error_type="ConfigurationError")
        main = str(PurePosixPath(config["script"]))
        names = [*prelude_of(main, files), main]
        return cls(
            files=tuple((name, files[name]) for name in names),
            memory_bytes=config.get("memory_limit_mb", limits.memory_mb) << 20,
        )


def prelude_of(main: str, files: Mapping[str, str]) -> list[str]:
    """Return the paths of `lib/*.js` beside the script, in name order."""
    folder = PurePosixPath(main).parent / "lib"
    return sorted(
        name
        for name in files
        if name.endswith(".js") and PurePosixPath(name).parent == folder and name != main
    )


def problems_of(config: Mapping[str, Any], files: Mapping[str, str]) -> list[str]:
    """Return what is wrong with a script step's configuration, apart from the sources."""
    problems = [
        f"handler_config: unknown key {key!r}; known are {', '.join(CONFIG_KEYS)}"
        for key in config
        if key not in CONFIG_KEYS
    ]
    script = config.get("script")
    if not isinstance(script, str) or not script:
        problems.append("handler_config: script must name the file to run, such as main.js")
    elif str(PurePosixPath(script)) not in files:
        known = ", ".join(sorted(name for name in files if name.endswith(".js"))) or "none"
        problems.append(f"{script}: there is no such script; files ending in .js: {known}")
    memory = config.get("memory_limit_mb")
    if memory is not None and (
        isinstance(memory, bool) or not isinstance(memory, int) or memory not in _MEMORY_MB
    ):
        problems.append(
            "handler_config: memory_limit_mb must be a whole number"
            f" from {_MEMORY_MB[0]} to {_MEMORY_MB[-1]}, not {memory!r}"
        )
    return problems
