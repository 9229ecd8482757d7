"""What the address of a call may be: UTF-8 without NUL, behind its percent signs too.

Werkzeug would put replacement characters in the place of what is not UTF-8, and the call would mean
something that its sender did not write. A path that has them names nothing that there could be, and
is answered with 404; NUL, which PostgreSQL takes in no text, is replaced like the others there.
"""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

from flask import Request

from ratchet_core.api.door.refusal import Malformed

_RULE = "must be UTF-8 without NUL"


def check_query(request: Request) -> None:
    """Raise Malformed, with the name of the parameter, unless the query is text."""
    query = request.query_string
    if b"%" not in query and query.isascii():
        return
    for part in query.split(b"&"):
        plain = unquote_to_bytes(part)
        if not _is_text(plain):
            name = plain.partition(b"=")[0].decode("utf-8", "replace").replace("\0", "\ufffd")
            raise Malformed(f"The parameter '{name}' {_RULE}", {name: [_RULE]})


def replace_nul(request: Request) -> None:
    """Put the replacement character in the place of NUL in what the path names."""
    if request.view_args and "\0" in request.environ.get("PATH_INFO", ""):
        request.view_args = {
            name: value.replace("\0", "\ufffd") if isinstance(value, str) else value
            for name, value in request.view_args.items()
        }


def _is_text(raw: bytes) -> bool:
    try:
        return "\0" not in raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
