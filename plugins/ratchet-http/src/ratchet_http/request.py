"""Makes the request of an HTTP step: templates rendered, parameters and body encoded. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode, urlsplit, urlunsplit

import orjson

from ratchet_core.sdk import HttpRequest, PermanentError, TemplateFailed, render_template
from ratchet_http.config import HttpConfig

_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def build_request(
    config: HttpConfig, variables: Mapping[str, Any], timeout_s: float
) -> HttpRequest:
    """Return the request that a step makes.

    Args:
        config: checked.
        variables: what templates may read; `idempotency_key` is sent as a header besides.
        timeout_s: for the exchange.

    Raises:
        PermanentError: a template has no value, or one of the wrong type.
    """
    body, content_type = _encode_body(_render("body", config.body, variables))
    method = _method(config, variables, has_body=body is not None)
    headers = _headers(config, variables)
    names = {name.lower() for name in headers}
    if body is not None and "content-type" not in names:
        headers["Content-Type"] = content_type
    if "accept" not in names:
        headers["Accept"] = "application/json, */*;q=0.8"
    key = variables["idempotency_key"]
    if config.idempotency_key and key and method not in _SAFE_METHODS:
        headers.update({} if "idempotency-key" in names else {"Idempotency-Key": key})
    return HttpRequest(
        method=method,
        url=_url(config, variables),
        headers=headers,
        body=body,
        timeout_s=timeout_s,
        max_redirects=config.max_redirects,
    )


def _render(place: str, value: Any, variables: Mapping[str, Any]) -> Any:
    """Render the templates of one key."""
    try:
        return render_template(value, variables)
    except TemplateFailed as error:
        raise PermanentError(f"{place}: {error.message}", code=error.code) from None


def _method(config: HttpConfig, variables: Mapping[str, Any], *, has_body: bool) -> str:
    """Return the method, in upper case."""
    if config.method is None:
        return "POST" if has_body else "GET"
    return _text("method", _render("method", config.method, variables)).upper()


def _url(config: HttpConfig, variables: Mapping[str, Any]) -> str:
    """Return the URL with the parameters in its query."""
    url = _text("url", _render("url", config.url, variables))
    pairs = []
    for name, value in _render("params", dict(config.params), variables).items():
        values = value if isinstance(value, list) else [value]
        pairs += [(name, _text(f"params.{name}", one)) for one in values if one is not None]
    if not pairs:
        return url
    try:
        parts = urlsplit(url)
        query = "&".join(filter(None, (parts.query, urlencode(pairs))))
    except ValueError:  # lone surrogates among them
        raise PermanentError("the URL or its params cannot be read", code="INVALID_URL") from None
    return urlunsplit(parts._replace(query=query))


def _headers(config: HttpConfig, variables: Mapping[str, Any]) -> dict[str, str]:
    """Return the author's headers as texts; those that are null are left out."""
    rendered = _render("headers", dict(config.headers), variables)
    return {
        name: _text(f"headers.{name}", value)
        for name, value in rendered.items()
        if value is not None
    }


def _text(place: str, value: Any) -> str:
    """Return a text, number or truth value as text."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return orjson.dumps(value, option=orjson.OPT_PASSTHROUGH_DATETIME).decode()
    kind = "null" if value is None else type(value).__name__
    raise PermanentError(f"{place}: must be a text or a number, not {kind}", code="INVALID_VALUE")


def _encode_body(body: Any) -> tuple[bytes | None, str]:
    """Return the body's bytes and their content type: texts as they are, other values as JSON."""
    if body is None:
        return None, ""
    try:
        if isinstance(body, str):
            return body.encode(), "text/plain; charset=utf-8"
        return orjson.dumps(body), "application/json"
    except (UnicodeEncodeError, orjson.JSONEncodeError) as error:
        raise PermanentError(f"body: is no JSON value: {error}", code="INVALID_VALUE") from None
