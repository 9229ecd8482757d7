"""How one setting is declared: the metadata of a field of a settings dataclass.

The declaration is the only place that knows a setting's default, file keys, environment
variables, range and description; the loader, `config show` and the reference all read it here.
No setting is declared in this module.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")
METADATA_KEY: Final = "ratchet.setting"


@dataclasses.dataclass(frozen=True, slots=True)
class Setting:
    """Everything there is to know about one setting besides its type and its default."""

    doc: str  #: what it does, for the reference: one or two sentences
    keys: tuple[str, ...]  #: dotted places in the file; the first is the one to write
    env: tuple[str, ...]  #: environment variables; empty: derived from the attribute path
    at_least: float | None  #: lowest legal value, in the file's unit
    at_most: float | None  #: highest legal value, in the file's unit
    scale: float  #: what a number of the file is multiplied with (`max_size_mb` to bytes)
    secret: bool  #: never shown
    separator: str  #: between the items of a list in an environment variable
    default_text: str  #: what the reference shows where the default depends on the machine
    in_environment: bool  #: False for blocks, which only a file can hold


def setting(  # noqa: PLR0913 - one keyword per column of the reference
    doc: str,
    *keys: str,
    default: T,
    factory: Callable[[], T] | None = None,
    env: tuple[str, ...] = (),
    at_least: float | None = None,
    at_most: float | None = None,
    scale: float = 1,
    secret: bool = False,
    separator: str = ",",
    default_text: str = "",
    in_environment: bool = True,
) -> T:
    """Declare a field of a settings dataclass; see `Setting` for the arguments.

    Args:
        doc: what the setting does.
        keys: dotted places in the file, the preferred one first.
        default: the value; where `factory` is given, it stands for the type only.
        factory: makes the value anew for each instance.
    """
    metadata = {
        METADATA_KEY: Setting(
            doc=doc,
            keys=keys,
            env=env,
            at_least=at_least,
            at_most=at_most,
            scale=scale,
            secret=secret,
            separator=separator,
            default_text=default_text,
            in_environment=in_environment,
        ),
    }
    if factory is not None:
        made: T = dataclasses.field(default_factory=factory, metadata=metadata, repr=not secret)
        return made
    kept: T = dataclasses.field(default=default, metadata=metadata, repr=not secret)
    return kept
