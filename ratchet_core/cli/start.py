"""What every long-running command does first, and no more: each of them imports this."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from typing import Final

import click

from ratchet_core.config import Settings
from ratchet_core.errors import ConfigurationError
from ratchet_core.telemetry import configure_logging

#: Given by `ratchet up` to its children: they end when it does, and leave to it what it has done.
parent_option: Final = click.option("--parent", type=int, hidden=True)

#: Loggers of others that say at info level what nobody needs to know.
_TALKATIVE: Final = ("alembic",)
_PLAIN_LEVELS: Final = frozenset({"info"})


@contextlib.contextmanager
def logged(settings: Settings) -> Iterator[None]:
    """Log as the settings say, for as long as the block runs."""
    configured = configure_logging(settings.logging)
    if settings.logging.level in _PLAIN_LEVELS:
        for name in _TALKATIVE:
            logging.getLogger(name).setLevel(logging.WARNING)
    try:
        yield
    finally:
        configured.close()


def make_data_dir(settings: Settings) -> None:
    """Make the data directory, readable by its owner alone.

    Raises:
        ConfigurationError: it cannot be made.
    """
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        message = f"the data directory {settings.data_dir} cannot be made: {error.strerror}"
        raise ConfigurationError(message) from None
