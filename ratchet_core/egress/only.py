"""A client that reaches some domains and no others, besides what the egress policy says."""

from __future__ import annotations

from collections.abc import Sequence

from ratchet_core.egress.target import parse_url
from ratchet_core.sdk.http import EgressRefused, HttpClient, HttpRequest, HttpResponse


class OnlyDomains:
    """Wraps a client; follows no redirect, since that could lead elsewhere.

    Args:
        client: makes the requests.
        domains: names that may be reached, their sub-domains included.
        setting: what names them, for messages.
    """

    def __init__(self, client: HttpClient, domains: Sequence[str], setting: str) -> None:
        self._client = client
        self._domains = tuple(domain.lower().strip(".") for domain in domains)
        self._setting = setting

    def request(self, request: HttpRequest) -> HttpResponse:
        """Make one request where its host is allowed.

        Raises:
            EgressRefused: the host is none of the domains, or the policy does not allow it.
            NetworkFailure, HttpTimeout: as the client.
        """
        host = parse_url(request.url).host.lower().strip(".")
        if not any(host == domain or host.endswith(f".{domain}") for domain in self._domains):
            raise EgressRefused(f"'{host}' is none of the domains of {self._setting}")
        if request.max_redirects != 0:
            raise EgressRefused(f"redirects are not followed where {self._setting} is set")
        return self._client.request(request)
