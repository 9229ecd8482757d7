"""The frames that worker and sandbox exchange over their socket; nothing about their meaning.

A frame is four bytes of length (of what follows, big-endian), one byte of kind, and the payload:
JSON, but for RUN and CHECK, whose payload is a header and the data that the engine reads itself.
"""

from __future__ import annotations

import struct
from typing import Final

#: Worker to sandbox: run a script; header and data, see `pack_run`.
RUN: Final = b"R"
#: Worker to sandbox: parse scripts without running them.
CHECK: Final = b"C"
#: Worker to sandbox: what a fetch brought.
ANSWER: Final = b"A"
#: Sandbox to worker: ready for the first request.
HELLO: Final = b"H"
#: Sandbox to worker: a line of the console.
LOG: Final = b"L"
#: Sandbox to worker: how far the script is.
PROGRESS: Final = b"P"
#: Sandbox to worker: make this request.
FETCH: Final = b"F"
#: Sandbox to worker: the script's result.
RESULT: Final = b"O"
#: Sandbox to worker: the script's error.
ERROR: Final = b"E"

_LENGTH: Final = struct.Struct(">I")
PREFIX_BYTES: Final = _LENGTH.size
#: No frame is longer, whatever its kind: 1 GiB.
MAX_FRAME_BYTES: Final = 1 << 30


def pack(kind: bytes, payload: bytes) -> bytes:
    """Return the frame."""
    return _LENGTH.pack(len(payload) + 1) + kind + payload


def length_of(prefix: bytes | bytearray) -> int:
    """Return how many bytes follow the four bytes of length."""
    length: int = _LENGTH.unpack(prefix)[0]
    return length


def pack_run(header: bytes, data: bytes) -> bytes:
    """Return the payload of RUN: the header's length, the header, and the data."""
    return _LENGTH.pack(len(header)) + header + data


def unpack_run(payload: bytes) -> tuple[bytes, bytes]:
    """Return header and data of a RUN."""
    end = PREFIX_BYTES + length_of(payload[:PREFIX_BYTES])
    return payload[PREFIX_BYTES:end], payload[end:]
