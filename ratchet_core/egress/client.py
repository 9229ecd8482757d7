"""The HTTP client that obeys the egress policy: it connects only to addresses that were checked.

Each hop resolves its host once, checks every address of the answer, and connects to one of exactly
these, in the name of the host; so a name that changes its mind (DNS rebinding) reaches nothing
new. Proxies and the environment's proxy variables are not used.
"""

from __future__ import annotations

import copy
import functools
import socket
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from ratchet_core.egress.connection import build_tls
from ratchet_core.egress.exchange import Exchange, Transport
from ratchet_core.egress.headers import check_method, prepare_headers
from ratchet_core.egress.policy import EgressPolicy
from ratchet_core.egress.pool import IdlePool
from ratchet_core.egress.redirect import STATUSES, Hop, redirected
from ratchet_core.egress.resolve import Resolver
from ratchet_core.egress.target import Target
from ratchet_core.sdk.http import EgressRefused, HttpRequest, HttpResponse, NetworkFailure

#: Largest decoded answer by default.
MAX_BODY_BYTES: Final = 10 * 1024 * 1024


class PinnedClient:
    """Makes requests under the egress policy; safe with threads and across forks.

    Args:
        policy: says what may be reached.
        timeout_s: for a whole exchange, redirects included, where the request names none.
        max_redirects: where the request names none; 0 follows none.
        user_agent: where the request names none.
        verify_tls: False accepts any certificate.
        max_body_bytes: of a decoded answer, where the request names none.
        connect_timeout_s: for connecting to one address, TLS included.
        resolver: like `socket.getaddrinfo`.
        self_headers: given a URL of the own server, returns headers to add to the request; they
            go nowhere else and replace none of the author's.
        ca_file: PEM file of authorities to trust besides the machine's.
    """

    def __init__(  # noqa: PLR0913 - settings, by name
        self,
        policy: EgressPolicy,
        *,
        timeout_s: float = 30.0,
        max_redirects: int = 10,
        user_agent: str = "Ratchet/1.0",
        verify_tls: bool = True,
        max_body_bytes: int = MAX_BODY_BYTES,
        connect_timeout_s: float = 10.0,
        resolver: Resolver = socket.getaddrinfo,
        self_headers: Callable[[str], Mapping[str, str]] | None = None,
        ca_file: str | None = None,
    ) -> None:
        self._timeout_s, self._max_redirects = timeout_s, max_redirects
        self._user_agent, self._max_body_bytes = user_agent, max_body_bytes
        self._transport = Transport(
            policy=policy,
            resolver=resolver,
            connect_timeout_s=connect_timeout_s,
            # Made with the first https request: reading the authorities takes 20 ms.
            tls=functools.cache(lambda: build_tls(verify=verify_tls, ca_file=ca_file)),
            pool=IdlePool(),
            self_headers=self_headers,
        )

    @property
    def policy(self) -> EgressPolicy:
        """What may be reached."""
        return self._transport.policy

    def with_self_headers(self, self_headers: Callable[[str], Mapping[str, str]]) -> PinnedClient:
        """Return a client that shares everything with this one but what it tells our own server.

        Args:
            self_headers: as for the constructor.
        """
        twin = copy.copy(self)
        twin._transport = replace(self._transport, self_headers=self_headers)  # noqa: SLF001
        return twin

    def request(self, request: HttpRequest) -> HttpResponse:
        """Make one request, follow its redirects, and return the answer, whatever its status.

        Raises:
            NetworkFailure: no answer came.
            HttpTimeout: it took too long.
            EgressRefused: the policy does not allow the address, the request is malformed, or the
                answer is too large.
        """
        timeout_s = self._timeout_s if request.timeout_s is None else request.timeout_s
        redirects = self._max_redirects if request.max_redirects is None else request.max_redirects
        limit = self._max_body_bytes if request.max_body_bytes is None else request.max_body_bytes
        exchange = Exchange(self._transport, timeout_s, limit)
        hop = Hop(
            method=check_method(request.method),
            target=self.policy.check_url(request.url),
            headers=prepare_headers(request.headers, self._user_agent),
            body=request.body,
        )
        for _ in range(redirects + 1):
            response = exchange.perform(hop)
            location = response.headers.get("location")
            if redirects == 0 or response.status not in STATUSES or not location:
                return response
            hop = redirected(hop, response.status, self._redirect_target(hop.target, location))
        raise NetworkFailure(
            f"{hop.method} {hop.target.origin}: more than {redirects} redirects",
            error_type="NetworkError",
        )

    def close(self) -> None:
        """Close the connections that wait for reuse."""
        self._transport.pool.close()

    def _redirect_target(self, current: Target, location: str) -> Target:
        """Check where a redirect leads; nobody else may send us to our own server."""
        target = self.policy.check_url(current.join(location).url)
        if self.policy.is_self(target) and not self.policy.is_self(current):
            raise EgressRefused(f"{current.host} redirects to this server, which is refused")
        return target
