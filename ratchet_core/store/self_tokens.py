"""Rows of the tokens with which scripts read their own server. What they grant is `access`'s."""

from __future__ import annotations

from sqlalchemy import delete, insert, select

from ratchet_core.store.clock import now_us
from ratchet_core.store.database import Tx
from ratchet_core.store.schema import self_tokens


def add(tx: Tx, digest: str, namespace: str, lifetime_s: int) -> None:
    """Store a token by its digest, and forget those that have ended."""
    tx.execute(delete(self_tokens).where(self_tokens.c.expires_at < now_us()))
    expires_at = now_us() + lifetime_s * 1_000_000
    tx.execute(
        insert(self_tokens).values(digest=digest, namespace=namespace, expires_at=expires_at)
    )


def namespace_of(tx: Tx, digest: str) -> str | None:
    """Return the namespace that a token is for; None where it is unknown or has ended."""
    statement = select(self_tokens.c.namespace).where(
        self_tokens.c.digest == digest, self_tokens.c.expires_at > now_us()
    )
    return tx.execute(statement).scalar()
