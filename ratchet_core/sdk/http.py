"""The seam for outgoing HTTP: values, errors and the client's interface.

`ratchet_core.egress` has the client that obeys the egress policy; tests of tasks put one in its
place that answers from mocks. Step code finds it as `context.http`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from ratchet_core.sdk.errors import PermanentError, RetryableError


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """A request that is to be made."""

    method: str = "GET"  #: upper case
    url: str  #: absolute, http or https
    headers: Mapping[str, str] = field(default_factory=dict)  #: as given by the author
    body: bytes | None = None  #: sent as it is
    timeout_s: float | None = None  #: for the whole exchange; None uses `http.timeout`
    max_redirects: int | None = None  #: None uses `http.max_redirects`; 0 follows none
    max_body_bytes: int | None = None  #: of the answer; None uses the configured limit


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpResponse:
    """The answer, whatever its status."""

    status: int  #: 100 to 599
    reason: str  #: such as `OK`
    headers: Mapping[str, str]  #: lower-case names; repeated ones joined by ", "
    body: bytes  #: decoded from its transfer and content encodings
    url: str  #: after redirects


class NetworkFailure(RetryableError):
    """No answer: name not found, connection refused or broken, TLS failed, too many redirects."""

    code = "NETWORK_ERROR"


class HttpTimeout(RetryableError):
    """No whole answer within the time limit."""

    code = "TIMEOUT"


class EgressRefused(PermanentError):
    """The egress policy does not allow the address; the message names the setting that would."""

    code = "EGRESS_REFUSED"


class HttpClient(Protocol):
    """Makes requests; safe to use from several threads."""

    def request(self, request: HttpRequest) -> HttpResponse:
        """Make one request and return the answer, whatever its status.

        Raises:
            NetworkFailure: no answer came.
            HttpTimeout: it took too long.
            EgressRefused: the policy does not allow the address.
        """
        ...
