"""Submitting inside the transaction of an application that has Ratchet in its own database."""

from __future__ import annotations

from ratchet_core.engine import plugged, submit
from ratchet_core.engine.core import Core
from ratchet_core.engine.requests import SubmitRequest
from ratchet_core.errors import RatchetError
from ratchet_core.store import hosted
from ratchet_core.store.database import Tx


class Turn:
    """A place among those who write; made by `Engine.turn`."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._ready: dict[str, int] = {}

    def submit(self, connection: Tx, request: SubmitRequest) -> str:
        """Store a run in the host's transaction: its commit starts it, its rollback leaves nothing.

        Plugins that look at submissions are asked while the transaction is open.

        Args:
            connection: SQLAlchemy connection in a transaction on Ratchet's database, such as
                `session.connection()`.
            request: as of `Engine.submit`.

        Returns:
            Id of the run: the new one, or that which the idempotency key made.

        Raises:
            ConfigurationError: the connection is not on Ratchet's database, or in no transaction.
            RatchetError: what `Engine.submit` raises; the transaction is as it was.
        """
        hosted.join(self._core.database, connection)
        [vetted] = plugged.vetted(self._core, [request], atomic=False)
        if isinstance(vetted, RatchetError):
            raise vetted
        with self._core.database.read() as tx:
            prepared = submit.prepare(self._core, tx, vetted, {})
            closed = self._core.admission.refusals(tx, {prepared.queue})
        stored = hosted.write_beside_others(
            connection, lambda: submit.store_one(connection, prepared, closed)
        )
        if stored.created and prepared.ready:
            self._ready[prepared.queue] = self._ready.get(prepared.queue, 0) + prepared.ready
        return stored.run_id

    def ring(self) -> None:
        """Tell the workers; without it they find the runs within a second."""
        self._core.notify()
        if self._ready:
            self._core.ring(self._ready)
