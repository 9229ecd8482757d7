"""Reading database URLs in the spellings that people use, and writing SQLAlchemy's.

Nothing is opened or created here.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from ratchet_core.config.place import Place

_MEMORY: Final = re.compile(
    r"(sqlite(\+pysqlite)?:(/{2,3})?)?(:memory:)?(\?.*)?\Z|sqlite.*[?&]mode=memory\b.*\Z|:memory:\Z",
)
_POSTGRESQL: Final = ("postgres", "postgresql", "postgresql+psycopg")
_HARMLESS_QUERY: Final = re.compile(r"mode=(rwc|rw)\Z")


def is_in_memory(url: str) -> bool:
    """Say whether a URL asks for a SQLite database that no other process can see."""
    return bool(url) and bool(_MEMORY.match(url))


def normalise(url: str, directory: Path, place: Place) -> str:
    """Return the URL as SQLAlchemy reads it, with the driver that Ratchet uses.

    `sqlite://a/b.db` is relative to `directory`, `sqlite:///a/b.db` and `sqlite:////a/b.db` are
    absolute. A single name after three slashes is refused: it means the file system's root here
    and the current directory elsewhere.

    Args:
        url: not one that `is_in_memory`.
        directory: absolute.
        place: where the URL was read, for the error; the URL itself is never repeated, since it
            may hold a password.
    """
    scheme, colon, rest = url.partition(":")
    scheme = scheme.lower()
    if not colon:
        raise place.refuse(
            "expected a URL such as sqlite://path/to/file.db or postgresql://user@host/name",
        )
    if scheme in _POSTGRESQL:
        if not rest.startswith("//"):
            raise place.refuse(f"'{scheme}:' must be followed by '//'")
        return f"postgresql+psycopg:{rest}"
    if scheme in {"sqlite", "sqlite+pysqlite"}:
        return f"sqlite:///{_sqlite_path(rest, directory, place)}"
    if scheme.startswith("postgresql+"):
        raise place.refuse(f"the driver of '{scheme}' is not used; write postgresql://")
    raise place.refuse(f"'{scheme}' is no database that Ratchet knows: SQLite and PostgreSQL are")


def _sqlite_path(rest: str, directory: Path, place: Place) -> Path:
    path, _, query = rest.partition("?")
    if query and not _HARMLESS_QUERY.match(query):
        raise place.refuse("a SQLite URL takes no '?' options but mode=rwc")
    if not path.strip("/") or path.endswith("/"):
        raise place.refuse("names a directory; name the file of the database")
    slashes = len(path) - len(path.lstrip("/"))
    if slashes <= 2:  # noqa: PLR2004 - sqlite:name and sqlite://name
        if slashes == 1:
            return Path(path)
        return (directory / path[slashes:]).absolute()
    name = path[slashes:]
    if name.startswith(("./", "../")):
        return (directory / name).absolute()
    if slashes == 3 and "/" not in name:  # noqa: PLR2004 - the ambiguous form
        raise place.refuse(
            f"'sqlite:///{name}' is the file /{name} to some and ./{name} to others; write"
            f" sqlite://{name} for the current directory or sqlite:////{name} for the root",
        )
    return Path(f"/{name}")
