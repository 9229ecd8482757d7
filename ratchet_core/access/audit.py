"""The audit log: who changed what, when, from where and how it ended, in a chain of digests.

An entry is written in the transaction of the change that its call makes, so that there is no
change without it; a call that makes none gets it before its answer leaves. A sealer puts entries
into the chain shortly after. Whoever changes, removes or reorders a sealed entry breaks the chain
from there on, and `verify` says where. Removing the newest entries is noticed only by who has kept
a newer end of the chain.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import astuple, dataclass, replace
from typing import Final

import orjson

from ratchet_core.store import audit as stored
from ratchet_core.store.audit import Entry, StoredEntry
from ratchet_core.store.database import Database, Tx

#: Entries that one transaction seals.
_BATCH: Final = 500
_PAGE: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of a look at the whole chain."""

    entries: int  #: that are sealed and were looked at
    unsealed: int  #: that wait for the sealer; at most one batch is counted
    end: str  #: digest of the last entry, to be kept elsewhere and compared with
    broken_at: int | None  #: position from which on the chain does not hold; None: it holds


class AuditLog:
    """The audit log of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, entry: Entry) -> None:
        """Store an entry."""
        self._database.transact(lambda tx: stored.add(tx, entry), durable=False)

    def opened(self, entry: Entry) -> OpenEntry:
        """Return an entry that is to be written with the change of its call."""
        return OpenEntry(self._database, entry)

    def seal(self) -> int:
        """Put what is not sealed yet into the chain; return how many entries that were."""
        with self._database.read() as tx:
            if not stored.unsealed(tx, 1):
                return 0
        return self._database.transact(_seal)

    def verify(self) -> Verdict:
        """Look at the whole chain."""
        position, digest, broken_at = 0, "", None
        for item in self._chain():
            position += 1
            digest = _digest(digest, position, item)
            if broken_at is None and (item.position != position or item.digest != digest):
                broken_at = position
                break
        with self._database.read() as tx:
            waiting = len(stored.unsealed(tx, _BATCH))
        return Verdict(entries=position, unsealed=waiting, end=digest, broken_at=broken_at)

    def newest(self, limit: int) -> list[StoredEntry]:
        """Return the newest entries, newest first."""
        with self._database.read() as tx:
            return list(stored.newest(tx, limit))

    def _chain(self) -> Iterator[StoredEntry]:
        after = -(2**62)
        while True:
            with self._database.read() as tx:
                page = stored.chain(tx, after, _PAGE)
            yield from page
            if len(page) < _PAGE:
                return
            after = page[-1].position or 0


class OpenEntry:
    """The entry of a call that is being served; accompanies the first change that it makes.

    Args:
        database: of the change.
        entry: without the status of the answer.
    """

    def __init__(self, database: Database, entry: Entry) -> None:
        self._database = database
        self._entry = replace(entry, status=stored.NO_ANSWER)
        self._given: int | None = None  # holds only once the transaction is committed
        self._sequence: int | None = None
        self._is_over = False

    def write(self, tx: Tx) -> None:
        """Write the entry as a part of a transaction, unless it is written."""
        if self._sequence is None and not self._is_over:
            self._given = stored.add(tx, self._entry)

    def committed(self) -> None:
        """Take note that the entry is stored."""
        self._sequence, self._given = self._given or self._sequence, None

    def finish(self, status: int) -> None:
        """Note how the call ended, before its answer leaves.

        Where the call has changed nothing, or the entry was sealed without an answer, an entry of
        its own is written.
        """
        self._is_over = True

        def work(tx: Tx) -> None:
            if self._sequence is None or not stored.finish(tx, self._sequence, status):
                stored.add(tx, replace(self._entry, status=status))

        self._database.transact(work, durable=False)


def _seal(tx: Tx) -> int:
    stored.lock(tx)
    position, digest = stored.last_sealed(tx)
    sealed = []
    for item in stored.unsealed(tx, _BATCH):
        position += 1
        digest = _digest(digest, position, item)
        sealed.append((item.sequence, position, digest))
    if sealed:
        stored.seal(tx, sealed)
    return len(sealed)


def _digest(before: str, position: int, item: StoredEntry) -> str:
    content = [before, position, item.sequence, item.at_us, *astuple(item.entry)]
    return hashlib.sha256(orjson.dumps(content)).hexdigest()
