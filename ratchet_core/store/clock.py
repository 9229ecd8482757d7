"""The database's clock in SQL: microseconds since 1970, the one unit of stored times.

Every time that is compared in SQL is made by this expression, so that no two hosts' clocks are
ever compared.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import BigInteger
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

#: The clock as SQL text; SQLite counts whole milliseconds.
NOW_SQL: Final = {
    "sqlite": "CAST((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) * 1000",
    "postgresql": "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)",
}


class now_us(GenericFunction[int]):  # noqa: N801 - reads as the SQL function it is
    """`now_us()` in a statement gives the database's time in microseconds."""

    type = BigInteger()
    inherit_cache = True


@compiles(now_us)
def _compile_now(element: now_us, compiler: SQLCompiler, **_options: object) -> str:
    return NOW_SQL[compiler.dialect.name]


def to_datetime(at_us: int | None) -> datetime | None:
    """Turn a stored time into aware UTC; None stays None."""
    return None if at_us is None else _EPOCH + timedelta(microseconds=at_us)


def known_datetime(at_us: int) -> datetime:
    """Turn a stored time that is never NULL into aware UTC."""
    return _EPOCH + timedelta(microseconds=at_us)


def to_us(at: datetime) -> int:
    """Turn an aware time into what is stored."""
    return (at - _EPOCH) // timedelta(microseconds=1)
