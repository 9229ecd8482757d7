"""The options of a webhook: their types, and what is wrong with them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

#: Methods that carry the output in their body.
WITH_BODY: Final = ("PATCH", "POST", "PUT")
_METHODS: Final = ("DELETE", "GET", *WITH_BODY)
_MAX_TIMEOUT_S: Final = 3600
#: Keys that each sort of authentication needs.
_AUTH: Final[Mapping[str, tuple[str, ...]]] = {
    "none": (),
    "bearer": ("token",),
    "basic": ("username", "password"),
    "api_key": ("header",),
    "signature": ("secret",),
}
#: Algorithms of `auth: {type: signature}`, and the header that each goes into.
ALGORITHMS: Final[Mapping[str, tuple[str, str]]] = {
    "sha256": ("sha256", "X-Hub-Signature-256"),
    "hmac-sha256": ("sha256", "X-Hub-Signature-256"),
    "hmac-sha1": ("sha1", "X-Hub-Signature"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookOptions:
    """One destination's options; texts may hold `{{templates}}`."""

    url: str  #: http or https
    method: str = "POST"  #: upper case
    headers: Mapping[str, Any] = field(default_factory=dict)  #: sent besides our own
    content_type: str = "application/json"  #: of the body
    auth: Mapping[str, Any] = field(default_factory=dict, repr=False)  #: with `type`

    @classmethod
    def read(cls, options: Mapping[str, Any]) -> WebhookOptions:
        """Read options that `problems` found nothing wrong with."""
        known = {key: options[key] for key in _OWN if options.get(key) is not None}
        if "method" in known:
            known["method"] = known["method"].upper()
        return cls(**known)


def problems(options: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a destination's options, each problem with its key."""
    found = [
        f"{key}: unknown key; there are {', '.join(sorted(_CHECKS))}"
        for key in options
        if key not in _CHECKS
    ]
    if options.get("url") is None:
        found.append("url: is missing")
    for key, check in _CHECKS.items():
        value = options.get(key)
        problem = None if value is None else check(value)
        if problem is not None:
            found.append(f"{key}{problem if problem.startswith('.') else f': {problem}'}")
    return found


def _check_url(value: Any) -> str | None:
    start = value.strip().lower() if isinstance(value, str) else ""
    if start.startswith(("http://", "https://", "{{", "${")):
        return None
    return "must start with http:// or https://"


def _check_method(value: Any) -> str | None:
    known = isinstance(value, str) and value.upper() in _METHODS
    return None if known else f"must be one of {', '.join(_METHODS)}"


def _check_headers(value: Any) -> str | None:
    is_flat = isinstance(value, Mapping) and all(isinstance(key, str) for key in value)
    if not is_flat:
        return "must be an object"
    wrong = [key for key, item in value.items() if not isinstance(item, str | int | float)]
    return f".{wrong[0]}: must be a text" if wrong else None


def _check_timeout(value: Any) -> str | None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    in_range = number and 0 < value <= _MAX_TIMEOUT_S
    return None if in_range else f"must be a number of seconds, above 0 and up to {_MAX_TIMEOUT_S}"


def _check_text(value: Any) -> str | None:
    return None if isinstance(value, str) and value else "must be a text"


def _check_auth(value: Any) -> str | None:
    if not isinstance(value, Mapping) or value.get("type") not in _AUTH:
        return f".type: must be one of {', '.join(_AUTH)}"
    kind = value["type"]
    for key in _AUTH[kind]:
        if not isinstance(value.get(key), str) or not value[key]:
            return f".{key}: is missing"
    if kind == "api_key" and not any(isinstance(value.get(key), str) for key in ("value", "key")):
        return ".value: is missing"
    if kind == "signature" and value.get("algorithm", "sha256") not in ALGORITHMS:
        return f".algorithm: must be one of {', '.join(ALGORITHMS)}"
    return None


def _check_policy(value: Any) -> str | None:
    known = ("max_attempts", "initial_delay_ms", "max_delay_ms", "backoff_multiplier")
    if not isinstance(value, Mapping):
        return "must be an object"
    for key, item in value.items():
        if key not in known:
            return f".{key}: unknown key; there are {', '.join(known)}"
        if not isinstance(item, int | float) or isinstance(item, bool) or item < 0:
            return f".{key}: must be a number, 0 or above"
    return None


_OWN: Final = ("url", "method", "headers", "content_type", "auth")
_CHECKS: Final[Mapping[str, Callable[[Any], str | None]]] = {
    "auth": _check_auth,
    "content_type": _check_text,
    "headers": _check_headers,
    "method": _check_method,
    "retry_policy": _check_policy,
    "secret": _check_text,
    "signing_secret": _check_text,
    "timeout_seconds": _check_timeout,
    "url": _check_url,
}
