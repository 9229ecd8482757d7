"""Swagger UI over a document: a page to read and try operations in, with nothing from another host.

The program and style it loads are swagger-ui-dist's, fetched once by `tools/vendor_assets.py` and
kept in `static/`; this module writes the page around them.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from types import MappingProxyType
from typing import Final

from flask import Blueprint, Response, request, url_for

from ratchet_core.api.door.access import PUBLIC_DOCS, declare
from ratchet_core.api.door.call import Requirement
from ratchet_core.api.door.refusal import RouteNotFound

_FILES: Final = files("ratchet_core.api.door.static")
#: What the page may load, and as what.
_ASSETS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
        "swagger.js": "text/javascript; charset=utf-8",
        "swagger-ui.css": "text/css; charset=utf-8",
    }
)
#: `style-src` lets the page size its parts; no style can come from anywhere else.
_POLICY: Final = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_KEEP_S: Final = 86_400


def declare_swagger(blueprint: Blueprint, path: str, title: str, document: str) -> None:
    """Add the page and what it loads to a blueprint.

    Args:
        blueprint: without a prefix.
        path: of the page.
        title: of the document.
        document: endpoint of the blueprint that serves it as JSON.
    """

    def page() -> Response:
        nonce = secrets.token_urlsafe(16)
        text = _page(title, url_for(f".{document}"), nonce)
        response = Response(text, content_type="text/html; charset=utf-8")
        response.headers["Content-Security-Policy"] = _POLICY.format(nonce=nonce)
        return response

    def asset(name: str) -> Response:
        if name not in _ASSETS:
            raise RouteNotFound(request.path)
        response = Response(_FILES.joinpath(name).read_bytes(), content_type=_ASSETS[name])
        response.headers["Cache-Control"] = f"public, max-age={_KEEP_S}"
        return response

    blueprint.add_url_rule(path, "swagger", page, methods=["GET"])
    blueprint.add_url_rule(f"{path}/<name>", "swagger_asset", asset, methods=["GET"])
    for endpoint in ("swagger", "swagger_asset"):
        declare(blueprint, endpoint, Requirement(permission=PUBLIC_DOCS, operation=endpoint))


def _page(title: str, document: str, nonce: str) -> str:
    def link(name: str) -> str:
        return url_for(".swagger_asset", name=name)

    scripts = "\n".join(
        f'<script nonce="{nonce}" src="{link(name)}"></script>'
        for name in _ASSETS
        if name.endswith(".js")
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{link("swagger-ui.css")}">
</head>
<body>
<div id="swagger-ui" data-document="{escape(document)}">Loading…</div>
{scripts}
</body>
</html>
"""
