"""What the exit codes of `ratchet` say, and which error leads to which."""

from __future__ import annotations

from enum import IntEnum

from ratchet_core.errors import (
    ConfigurationError,
    DefinitionError,
    PluginError,
    RatchetError,
    Unavailable,
)


class ExitCode(IntEnum):
    """The exit codes that scripts may rely on."""

    OK = 0  #: it was done
    FAILED = 1  #: the thing itself failed: the run, a test case, the request
    USAGE = 2  #: the command line cannot be understood
    CONFIGURATION = 3  #: something is wrong with the configuration, a definition or a plugin
    UNAVAILABLE = 4  #: the database, a server or an address cannot be had
    INTERRUPTED = 130  #: ended by Ctrl-C


def exit_code_of(error: RatchetError) -> ExitCode:
    """Return the exit code that an error leads to."""
    if isinstance(error, ConfigurationError | DefinitionError | PluginError):
        return ExitCode.CONFIGURATION
    if isinstance(error, Unavailable):
        return ExitCode.UNAVAILABLE
    return ExitCode.FAILED
