"""PostgreSQL: statements straight through libpq, as many as wanted in one message.

psycopg makes the connections and reads the values. Its cursors wait for the socket several times
per statement and pick adapters for each value, which cost a step of a run more than the server
did; here values travel as text, statements are prepared once per connection, and one exchange is
one write and one wait for the answers.
"""

from __future__ import annotations

import select
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from psycopg import Connection, DataError, OperationalError
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.pq import DiagnosticField, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult

Values = Sequence[Any]

#: Types of values as PostgreSQL numbers them. What a text is meant as it finds out itself.
_TYPES: Final[Mapping[type, int]] = {bool: 16, int: 20, float: 701}
_LISTS: Final[Mapping[type, int]] = {str: 1009, int: 1016}
#: States in which a transaction can be rolled back.
_ROLLS_BACK: Final = (TransactionStatus.INTRANS, TransactionStatus.INERROR)
#: Never prepared, so that a transaction can end whatever was forgotten in it; nor is anything in
#: the transaction of a host, which cannot be done again.
_CONTROL: Final = frozenset({"BEGIN", "COMMIT", "ROLLBACK"})
#: SQLSTATE of a statement that somebody made the server forget: psycopg does after a ROLLBACK or
#: DROP of its own, a pooler between two sessions.
_FORGOTTEN: Final = b"26000"


class Answer:
    """What a statement has answered; there once its exchange is over."""

    __slots__ = ("met", "rows")

    def __init__(self) -> None:
        self.rows: list[tuple[Any, ...]] = []  #: what it returned
        self.met = 0  #: how many rows it returned, or met where it returns none


_Waiting = tuple[str, Values, Answer]


class Wire:
    """The statements of one connection.

    Outside of a transaction, the statements that travel together are one.

    Args:
        raw: of psycopg; nobody else uses it meanwhile, and it is in no pipeline.
    """

    def __init__(self, raw: Connection[Any]) -> None:
        self._raw = raw
        self._pgconn: PGconn = raw.pgconn
        self._encoding = raw.info.encoding
        self._reader = Transformer(raw)
        self._poll = select.poll()
        self._poll.register(self._pgconn.socket, select.POLLIN)
        self._names: dict[tuple[str, tuple[int, ...]], bytes] = {}
        self._prepared = 0
        self._waiting: list[_Waiting] = []
        self._is_piped = False

    @contextmanager
    def transaction(self, *, piped: bool) -> Iterator[None]:
        """Open a transaction; it commits at the end of the block, or stores nothing.

        Args:
            piped: BEGIN travels with the first statements and COMMIT with the last: what is sent
                in the block waits for an exchange, or for the end.
        """
        self._is_piped = piped
        self.send("BEGIN")
        try:
            yield
            self.add("COMMIT")
            self.exchange()
        except BaseException:
            self._waiting = []
            if self._pgconn.transaction_status in _ROLLS_BACK:
                self.add("ROLLBACK")
                self.exchange()
            raise
        finally:
            self._is_piped = False

    def send(self, sql: str, values: Values = ()) -> Answer:
        """Execute a statement; in `transaction`, with those that follow.

        Args:
            sql: with `$1`, `$2`, … for the values.
            values: None, booleans, numbers, texts, and lists of texts or of whole numbers.
        """
        answer = self.add(sql, values)
        if not self._is_piped:
            self.exchange()
        return answer

    def add(self, sql: str, values: Values = ()) -> Answer:
        """Have a statement wait for the next exchange."""
        answer = Answer()
        self._waiting.append((sql, values, answer))
        return answer

    def exchange(self) -> None:
        """Execute all that waits and read the answers.

        Raises:
            psycopg.Error: of the first statement that failed; none after it was executed.
        """
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        if not self._raw.autocommit and self._pgconn.transaction_status == TransactionStatus.IDLE:
            self._raw.execute("")  # psycopg begins the transaction of a host with its first one
        is_first = self._pgconn.transaction_status == TransactionStatus.IDLE
        failed = self._exchanged(waiting)
        if failed is not None and failed.error_field(DiagnosticField.SQLSTATE) == _FORGOTTEN:
            self._names.clear()
            if is_first:  # nothing of it has happened
                if self._pgconn.transaction_status != TransactionStatus.IDLE:
                    self._exchanged([("ROLLBACK", (), Answer())])
                failed = self._exchanged(waiting)
        if failed is not None:
            raise error_from_result(failed, self._encoding)

    def _exchanged(self, waiting: Sequence[_Waiting]) -> PGresult | None:
        """Execute statements; return the answer of the first one that failed."""
        texts = [[_text(value, self._encoding) for value in values] for _, values, _ in waiting]
        try:
            self._pgconn.enter_pipeline_mode()
            new = [
                self._write(sql, values, text)
                for (sql, values, _), text in zip(waiting, texts, strict=True)
            ]
            self._pgconn.pipeline_sync()
            self._flush()
            failed = self._read_all([answer for _, _, answer in waiting], new)
            self._result()  # of the sync
            self._pgconn.exit_pipeline_mode()
        except BaseException:
            self._pgconn.finish()  # nobody knows what it is in the middle of
            raise
        return failed

    def _write(self, sql: str, values: Values, texts: list[bytes | None]) -> bool:
        """Hand a statement to libpq; return whether it had to be prepared first."""
        types = tuple([_type(value) for value in values])
        if sql in _CONTROL or not self._raw.autocommit:
            self._pgconn.send_query_params(sql.encode(self._encoding), texts, types)
            return False
        key = (sql, types)
        name = self._names.get(key)
        is_new = name is None
        if name is None:
            self._prepared += 1
            name = self._names[key] = f"ratchet_{self._prepared}".encode()
            self._pgconn.send_prepare(name, sql.encode(self._encoding), types)
        self._pgconn.send_query_prepared(name, texts)
        return is_new

    def _flush(self) -> None:
        """Send; the server may have to get rid of answers before it takes more."""
        while self._pgconn.flush():
            self._poll.modify(self._pgconn.socket, select.POLLIN | select.POLLOUT)
            self._poll.poll()
            self._poll.modify(self._pgconn.socket, select.POLLIN)
            self._pgconn.consume_input()

    def _read_all(self, answers: list[Answer], new: list[bool]) -> PGresult | None:
        """Read the answers; return that of the first statement that failed."""
        failed: PGresult | None = None
        for answer, is_new in zip(answers, new, strict=True):
            for read in [Answer(), answer] if is_new else [answer]:
                refused = self._read(read)
                failed = failed or refused
        return failed

    def _read(self, answer: Answer) -> PGresult | None:
        """Read one answer; return it where it is none."""
        result = self._result()
        if result is None or self._result() is not None:
            message = "the connection answers out of turn"
            raise OperationalError(message)
        status = result.status
        if status == ExecStatus.TUPLES_OK:
            self._reader.set_pgresult(result)
            answer.met = result.ntuples
            answer.rows = self._reader.load_rows(0, answer.met, tuple)
        elif status == ExecStatus.COMMAND_OK:
            answer.met = result.command_tuples or 0
        else:
            return result
        return None

    def _result(self) -> PGresult | None:
        pgconn = self._pgconn
        while pgconn.is_busy():
            self._poll.poll()
            pgconn.consume_input()
        return pgconn.get_result()


def _type(value: Any) -> int:
    if isinstance(value, list):
        return _LISTS.get(type(value[0]), 0) if value else 0
    return _TYPES.get(type(value), 0)


def _text(value: Any, encoding: str) -> bytes | None:
    if value is None:
        return None
    if isinstance(value, str):
        return _encoded(value, encoding)
    if isinstance(value, bool):
        return b"t" if value else b"f"
    if isinstance(value, int):
        return b"%d" % value
    if isinstance(value, float):
        return repr(value).encode()
    if isinstance(value, list):
        return _encoded("{" + ",".join([_item(item) for item in value]) + "}", encoding)
    message = f"no statement takes a {type(value).__name__}"
    raise TypeError(message)


def _item(value: str | int) -> str:
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return str(value)


def _encoded(text: str, encoding: str) -> bytes:
    data = text.encode(encoding)
    if b"\0" in data:  # libpq would take what comes before it
        message = "PostgreSQL stores no text with a NUL"
        raise DataError(message)
    return data
