"""A small typed client of Ratchet: both REST dialects over httpx."""

from __future__ import annotations

from ratchet_client.backoff import Backoff
from ratchet_client.door import Door
from ratchet_client.errors import (
    ApiError,
    AuthenticationFailed,
    CallTimedOut,
    ClientError,
    Conflict,
    ConnectionFailed,
    InvalidCall,
    JobNotFinished,
    NotFound,
    PermissionDenied,
    RateLimited,
    ServerFailed,
    Unavailable,
    UnexpectedAnswer,
)
from ratchet_client.ratchet import RatchetClient
from ratchet_client.tasker import TaskerClient

__all__ = [
    "ApiError",
    "AuthenticationFailed",
    "Backoff",
    "CallTimedOut",
    "ClientError",
    "Conflict",
    "ConnectionFailed",
    "Door",
    "InvalidCall",
    "JobNotFinished",
    "NotFound",
    "PermissionDenied",
    "RatchetClient",
    "RateLimited",
    "ServerFailed",
    "TaskerClient",
    "Unavailable",
    "UnexpectedAnswer",
]
