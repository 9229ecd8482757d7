"""`/graphql/playground`: a page to write and run operations in, with nothing from another host.

The programs and styles it loads are GraphiQL's, fetched once by `tools/vendor_assets.py` and
kept in `static/`; this module writes the page around them.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import Final

from flask import Blueprint, Response, request, url_for

from ratchet_core.api.door.access import PUBLIC_DOCS, declare
from ratchet_core.api.door.call import Requirement, ratchet
from ratchet_core.api.door.refusal import RouteNotFound

_FILES: Final = files("ratchet_core.api.graphql.static")
#: What the page may load, and as what.
_ASSETS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "react.production.min.js": "text/javascript; charset=utf-8",
        "react-dom.production.min.js": "text/javascript; charset=utf-8",
        "graphiql.min.js": "text/javascript; charset=utf-8",
        "graphiql.min.css": "text/css; charset=utf-8",
        "graphql-ws.min.js": "text/javascript; charset=utf-8",
        "playground.js": "text/javascript; charset=utf-8",
        "playground.css": "text/css; charset=utf-8",
    }
)
#: `style-src` lets the editor lay out its lines; no style can come from anywhere else.
_POLICY: Final = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self' {socket}; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_CREDENTIALS_FIELD: Final = """<label class="token">Token
<input id="token" type="password" autocomplete="off" placeholder="sent as Authorization: Bearer">
</label>
"""
_KEEP_S: Final = 86_400


def declare_playground(blueprint: Blueprint, path: str) -> None:
    """Add the page and what it loads to `blueprint`, at `path`."""

    def page() -> Response:
        nonce = secrets.token_urlsafe(16)
        response = Response(_page(nonce), content_type="text/html; charset=utf-8")
        response.headers["Content-Security-Policy"] = _POLICY.format(
            nonce=nonce, socket=_socket_origin()
        )
        return response

    def asset(name: str) -> Response:
        if name not in _ASSETS:
            raise RouteNotFound(request.path)
        response = Response(_FILES.joinpath(name).read_bytes(), content_type=_ASSETS[name])
        response.headers["Cache-Control"] = f"public, max-age={_KEEP_S}"
        return response

    blueprint.add_url_rule(path, "playground", page, methods=["GET"])
    blueprint.add_url_rule(f"{path}/<name>", "playground_asset", asset, methods=["GET"])
    for endpoint in ("playground", "playground_asset"):
        declare(blueprint, endpoint, Requirement(permission=PUBLIC_DOCS, operation=endpoint))


def _page(nonce: str) -> str:
    def link(name: str) -> str:
        return url_for(".playground_asset", name=name)

    scripts = "\n".join(
        f'<script nonce="{nonce}" src="{link(name)}"></script>'
        for name in _ASSETS
        if name.endswith(".js")
    )
    styles = "\n".join(
        f'<link rel="stylesheet" href="{link(name)}">' for name in _ASSETS if name.endswith(".css")
    )
    token = _CREDENTIALS_FIELD if ratchet().access.is_on else ""
    options = json.dumps({"endpoint": url_for(".execute")}).replace("<", "\\u003c")
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Ratchet GraphQL</title>
<link rel="icon" href="data:,">
{styles}
</head>
<body>
{token}<div id="playground" data-options='{options}'>Loading…</div>
{scripts}
</body>
</html>
"""


def _socket_origin() -> str:
    """Return where a WebSocket of this page may go: `'self'` does not cover it in every browser."""
    scheme = "wss" if request.is_secure else "ws"
    return f"{scheme}://{request.host}"
