"""The mark: a page of memory that a work-horse shares with its parent.

Before a drain calls a step handler it writes here which step it starts and until when it may
take. The parent reads it to kill at the deadline, and when the horse has died to know the one
step that was under way. Writing a mark must cost next to nothing, so there are no system calls
and no locks: one process writes, others read.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from typing import Final

#: Before and after the body stands the same number; a reader that finds two looks again.
_BODY: Final = struct.Struct("=Q36sqdd?Q")
_DRAIN: Final = struct.Struct("=36s")
_BEAT: Final = struct.Struct("=d")
_CANCEL: Final = struct.Struct("=Qd")

_BODY_AT: Final = 0
_DRAIN_AT: Final = 128
_BEAT_AT: Final = 192
_CANCEL_AT: Final = 256
_SIZE: Final = 512


@dataclass(frozen=True, slots=True)
class StartedStep:
    """The step that a mark names."""

    step_id: str  #: UUIDv7
    token: int  #: fencing token of the claim
    started: float  #: on `time.monotonic()`, which all processes of a machine share
    deadline: float  #: same clock
    sequence: int  #: grows with every start


class Mark:
    """A shared page; make it before the fork, and keep it as long as the horse may live."""

    def __init__(self) -> None:
        self._page = mmap.mmap(-1, _SIZE)
        self._sequence = 0

    # ── written by the horse ────────────────────────────────────────────────────────────────────

    def enter(self, drain_id: str) -> None:
        """Say which drain the horse runs."""
        _DRAIN.pack_into(self._page, _DRAIN_AT, drain_id.encode())

    def start(self, step_id: str, token: int, started: float, deadline: float) -> int:
        """Say which step is about to be called; return the number of this start."""
        self._sequence = sequence = self._sequence + 1
        _BODY.pack_into(
            self._page,
            _BODY_AT,
            sequence,
            step_id.encode(),
            token,
            started,
            deadline,
            True,  # noqa: FBT003 - the field `is_set` of the body
            sequence,
        )
        return sequence

    def clear(self) -> None:
        """Say that no step is under way."""
        sequence = self._sequence
        _BODY.pack_into(self._page, _BODY_AT, sequence, b"", 0, 0.0, 0.0, False, sequence)  # noqa: FBT003

    def beat(self, now: float) -> None:
        """Say that the horse's threads still run."""
        _BEAT.pack_into(self._page, _BEAT_AT, now)

    def cancel(self, sequence: int, kill_at: float) -> None:
        """Say that the step of that start was cancelled, and when to kill it if it runs on."""
        _CANCEL.pack_into(self._page, _CANCEL_AT, sequence, kill_at)

    # ── read by the parent ──────────────────────────────────────────────────────────────────────

    def reset(self) -> None:
        """Forget the horse before; the parent calls it before a fork."""
        self._page[:] = bytes(_SIZE)
        self._sequence = 0

    @property
    def drain_id(self) -> str | None:
        """The drain that the horse runs, or ran when it died; None before it entered one."""
        text = bytes(_DRAIN.unpack_from(self._page, _DRAIN_AT)[0]).rstrip(b"\0")
        return text.decode() or None

    @property
    def last_beat(self) -> float:
        """When the horse's threads last ran, on `time.monotonic()`; 0.0 before the first time."""
        return float(_BEAT.unpack_from(self._page, _BEAT_AT)[0])

    def read(self) -> StartedStep | None:
        """Return the step under way.

        A body that is half written means that no step runs: the horse writes before it calls
        the handler and after the handler has returned.
        """
        first, step_id, token, started, deadline, is_set, last = _BODY.unpack_from(
            self._page, _BODY_AT
        )
        if first != last or not is_set:
            return None
        name = bytes(step_id).rstrip(b"\0").decode()
        return StartedStep(name, token, started, deadline, first)

    def kill_at(self, step: StartedStep) -> float | None:
        """Return when a cancelled step is to be killed; None where it was not cancelled."""
        sequence, at = _CANCEL.unpack_from(self._page, _CANCEL_AT)
        return float(at) if sequence == step.sequence else None

    def close(self) -> None:
        """Give the page back."""
        self._page.close()
