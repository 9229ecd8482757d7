"""Keys that an identity provider publishes (JWKS): fetched, kept, and fetched again in time.

A key that a token names and that is not known is looked for at once, but not more than once in ten
seconds, so that made-up names cannot make us flood the provider. Keys that were fetched stay in
use while the provider does not answer, up to a day. `jku`, `x5u` and keys inside tokens are never
looked at.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from ratchet_core.sdk import (
    AuthenticationFailed,
    ConfigurationError,
    HttpClient,
    HttpRequest,
    StepError,
)
from ratchet_jwt.key import ALGORITHMS, Algorithm, VerifyingKey, check_kind

_log = logging.getLogger(__name__)

_PAUSE_S: Final = 10.0
_LONGEST_STALE_S: Final = 86_400.0
_TIMEOUT_S: Final = 5.0
_MAX_BYTES: Final = 512 * 1024
_MAX_KEYS: Final = 100
_KINDS: Final = {"RSA": "RS256", "EC": "ES256"}


class KeySet:
    """The published keys, by their `kid`.

    Args:
        url: of the key set.
        algorithm: of keys that name none.
        cache_s: how long keys are used before they are fetched again.
        http: fetches them; obeys the egress policy.
        monotonic: a clock that never jumps, in seconds.
    """

    def __init__(
        self,
        url: str,
        algorithm: Algorithm,
        cache_s: float,
        http: HttpClient,
        monotonic: Callable[[], float],
    ) -> None:
        self._url = url
        self._algorithm = algorithm
        self._cache_s = cache_s
        self._http = http
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._keys: Mapping[str | None, VerifyingKey] = {}
        self._fetched_at: float | None = None
        self._tried_at: float | None = None

    def find(self, kid: str | None) -> VerifyingKey | None:
        """Return the key of that name; without a name, the only key there is."""
        if self._is_old() or kid not in self._keys:
            self._refresh()
        if kid is None:
            return next(iter(self._keys.values())) if len(self._keys) == 1 else None
        return self._keys.get(kid)

    def _is_old(self) -> bool:
        return self._fetched_at is None or self._monotonic() - self._fetched_at > self._cache_s

    def _refresh(self) -> None:
        with self._lock:
            now = self._monotonic()
            if self._tried_at is not None and now - self._tried_at < _PAUSE_S:
                return
            self._tried_at = now
            try:
                self._keys = self._fetch()
                self._fetched_at = now
            except (AuthenticationFailed, StepError) as error:
                _log.warning("the key set %s cannot be had: %s", self._url, error)
                if self._fetched_at is None or now - self._fetched_at > _LONGEST_STALE_S:
                    self._keys = {}

    def _fetch(self) -> Mapping[str | None, VerifyingKey]:
        answer = self._http.request(
            HttpRequest(
                url=self._url,
                headers={"Accept": "application/json"},
                timeout_s=_TIMEOUT_S,
                max_redirects=0,
                max_body_bytes=_MAX_BYTES,
            )
        )
        if answer.status != 200:  # noqa: PLR2004 - HTTP's own number
            raise AuthenticationFailed(f"it answered {answer.status}")
        try:
            listed = orjson.loads(answer.body)["keys"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            raise AuthenticationFailed("it answered with something that is no key set") from None
        if not isinstance(listed, list):
            raise AuthenticationFailed("it answered with something that is no key set")
        read = (_read(item, self._algorithm) for item in listed[:_MAX_KEYS])
        return {key.kid: key for key in read if key is not None}


def _read(item: Any, default: Algorithm) -> VerifyingKey | None:
    """Return a published key; None for one of another kind or use, which others may need."""
    if not isinstance(item, dict) or item.get("use", "sig") != "sig":
        return None
    named = item.get("alg", default if item.get("kty") == "RSA" else "ES256")
    algorithm = next((known for known in ALGORITHMS if known == named), None)
    # a symmetric key in a public place is no key, whatever it says of itself
    if algorithm is None or _KINDS.get(str(item.get("kty"))) != algorithm:
        return None
    public = {
        name: value for name, value in item.items() if name in {"kty", "n", "e", "crv", "x", "y"}
    }
    try:
        material = PyJWK.from_dict(public, algorithm).key
        check_kind(algorithm, material)
    except (PyJWTError, ConfigurationError, ValueError):
        return None
    kid = item.get("kid")
    return VerifyingKey(
        algorithm=algorithm, kid=kid if isinstance(kid, str) else None, material=material
    )
