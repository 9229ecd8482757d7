"""What the address of a call may be: UTF-8 without NUL, behind its percent signs too.

Werkzeug would put replacement characters in the place of what is not UTF-8, and the call would mean
something that its sender did not write.
"""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

from flask import Request

from ratchet_core.api.door.refusal import Malformed

_RULE = "must be UTF-8 without NUL"


def check_address(request: Request) -> None:
    """Raise Malformed, with the name of the parameter, unless path and query are text."""
    path: str = request.environ.get("PATH_INFO", "")
    if not (path.isascii() and "\0" not in path) and not _is_text(path.encode("latin-1")):
        raise Malformed(f"The path {_RULE}", {"path": [_RULE]})
    query = request.query_string
    if b"%" not in query and query.isascii():
        return
    for part in query.split(b"&"):
        plain = unquote_to_bytes(part)
        if not _is_text(plain):
            name = plain.partition(b"=")[0].decode("utf-8", "replace").replace("\0", "\ufffd")
            raise Malformed(f"The parameter '{name}' {_RULE}", {name: [_RULE]})


def _is_text(raw: bytes) -> bool:
    try:
        return "\0" not in raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
