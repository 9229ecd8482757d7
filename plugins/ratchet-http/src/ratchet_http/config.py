"""The `handler_config` of an HTTP step: its keys, their types, and what is wrong with them. Pure.

Templates are checked here but rendered in `request`.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ratchet_core.sdk import template_problems

#: What templates may read.
VARIABLES: Final = ("attempt", "idempotency_key", "input", "results", "run", "step")
#: Limit for one exchange where the step names none, in seconds.
DEFAULT_TIMEOUT_S: Final = 30.0

_MAX_REDIRECTS: Final = 50
_METHODS: Final = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpConfig:
    """One step's configuration; texts may hold `{{templates}}`."""

    url: str  #: http or https
    method: str | None = None  #: GET by default, POST with a body
    headers: Mapping[str, Any] = field(default_factory=dict)  #: texts, numbers; null leaves one out
    params: Mapping[str, Any] = field(default_factory=dict)  #: added to the URL's query
    body: Any = None  #: text, or a JSON value; null sends none
    timeout_s: float = DEFAULT_TIMEOUT_S  #: for the exchange, redirects included
    expected_statuses: tuple[int, ...] = ()  #: these are success, and no others, when given
    max_redirects: int | None = None  #: None leaves it to the configuration; 0 follows none
    idempotency_key: bool = True  #: send `Idempotency-Key` with methods that change something

    @classmethod
    def read(cls, config: Mapping[str, Any]) -> HttpConfig:
        """Read a configuration that `config_problems` found nothing wrong with."""
        given = {key: value for key, value in config.items() if value is not None}
        if "expected_statuses" in given:
            given["expected_statuses"] = tuple(given["expected_statuses"])
        return cls(**given)


def config_problems(config: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a configuration, each problem with its key."""
    problems = [_unknown(key) for key in config if key not in _CHECKS]
    if config.get("url") is None:
        problems.append("url: is missing")
    for key, check in _CHECKS.items():
        value = config.get(key)
        if value is None:
            continue
        problem = check(value)
        problems += [f"{key}: {problem}"] if problem else template_problems(value, VARIABLES, key)
    return problems


def _unknown(key: str) -> str:
    """Return the problem of a key that there is not, with the nearest one that there is."""
    near = difflib.get_close_matches(str(key), sorted(_CHECKS), n=1, cutoff=0.6)
    hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(sorted(_CHECKS))}"
    return f"{key}: unknown key; {hint}"


def _check_url(value: Any) -> str | None:
    """Say what is wrong with a URL, as far as it shows before it is rendered."""
    if not isinstance(value, str) or not value.strip():
        return "must be a text"
    start = value.strip().lower()
    if start.startswith(("http://", "https://", "{{")):
        return None
    return "must start with http:// or https://"


def _check_method(value: Any) -> str | None:
    """Say what is wrong with a method."""
    if isinstance(value, str) and ("{{" in value or value.upper() in _METHODS):
        return None
    return f"must be one of {', '.join(_METHODS)}"


def _check_object(value: Any) -> str | None:
    """Say what is wrong with headers or parameters."""
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return None
    return "must be an object"


def _check_timeout(value: Any) -> str | None:
    """Say what is wrong with a time limit."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return None if number and 0 < value < float("inf") else "must be a number of seconds above 0"


def _check_statuses(value: Any) -> str | None:
    """Say what is wrong with the expected statuses."""
    if isinstance(value, list | tuple) and value and all(map(_is_status, value)):
        return None
    return "must be a list of statuses, 200 to 599"


def _is_status(value: Any) -> bool:
    """Say whether a value is the status of an answer."""
    return isinstance(value, int) and not isinstance(value, bool) and 200 <= value <= 599  # noqa: PLR2004


def _check_redirects(value: Any) -> str | None:
    """Say what is wrong with the limit of redirects."""
    number = isinstance(value, int) and not isinstance(value, bool)
    return None if number and 0 <= value <= _MAX_REDIRECTS else f"must be 0 to {_MAX_REDIRECTS}"


_CHECKS: Final[Mapping[str, Callable[[Any], str | None]]] = {
    "body": lambda _: None,
    "expected_statuses": _check_statuses,
    "headers": _check_object,
    "idempotency_key": lambda value: None if isinstance(value, bool) else "must be true or false",
    "max_redirects": _check_redirects,
    "method": _check_method,
    "params": _check_object,
    "timeout_s": _check_timeout,
    "url": _check_url,
}
