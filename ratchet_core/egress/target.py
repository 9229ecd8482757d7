"""Where a request goes: a URL taken apart once, so that what is checked is what is sent. Pure."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urljoin, urlsplit

import idna

from ratchet_core.egress.address import Address, is_numeric_host, parse_numeric_host
from ratchet_core.sdk.http import EgressRefused

#: Longest URL that is sent, in characters.
MAX_URL: Final = 32_768
#: Default port of each scheme that is spoken.
PORTS: Final = {"http": 80, "https": 443}

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_NAME: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?:\.(?!-)[a-z0-9_-]{1,63})*")
_MAX_NAME: Final = 253
_MAX_PORT: Final = 65_535
#: What stays as it is in a path or query; anything else is percent-encoded as UTF-8.
_SAFE: Final = "%/:?#[]@!$&'()*+,;=-._~|^`{}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One place that a request goes to."""

    scheme: str  #: `http` or `https`
    host: str  #: lower-case ASCII name without trailing dot, or an IP address without brackets
    port: int  #: 1 to 65535
    path: str  #: path and query as they are sent, from the first slash on
    address: Address | None  #: when the host is an IP address in any spelling

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """Scheme, host and port; safe to show, for it holds neither path nor query."""
        return f"{self.scheme}://{self.authority}"

    @property
    def url(self) -> str:
        """The whole URL, normalised."""
        return self.origin + self.path

    def join(self, location: str) -> Target:
        """Return where a redirect from here to `location` leads.

        Raises:
            EgressRefused: that is no URL we speak.
        """
        try:
            return parse_url(urljoin(self.url, location.strip()))
        except ValueError:
            raise _malformed(f"{self.origin} redirects to a URL that cannot be read") from None


def parse_url(url: str) -> Target:
    """Take a URL apart and normalise it.

    Raises:
        EgressRefused: it is malformed, or not http or https, or carries a user name.
    """
    text = url.strip(" ")
    if len(text) > MAX_URL:
        raise _malformed(f"the URL is longer than {MAX_URL} characters")
    if _CONTROL.search(text):
        raise _malformed("the URL holds a control character; percent-encode it")
    try:
        parts = urlsplit(text)
    except ValueError as error:
        raise _malformed(f"the URL cannot be read: {error}") from None
    if parts.scheme not in PORTS:
        found = f"{parts.scheme[:32]}:" if parts.scheme else "without a scheme"
        raise EgressRefused(f"the URL must start with http:// or https:// and is {found}")
    if "@" in parts.netloc:
        raise EgressRefused(
            "the URL carries a user name or password; send them in an Authorization header"
        )
    host_text, port = _split_port(parts.netloc, parts.scheme)
    host, address = normalise_host(host_text)
    path = parts.path or "/"
    query = f"?{parts.query}" if parts.query else ""
    return Target(
        scheme=parts.scheme,
        host=host,
        port=port,
        path=_encode(path if path.startswith("/") else f"/{path}") + _encode(query),
        address=address,
    )


def normalise_host(host: str) -> tuple[str, Address | None]:
    """Return the host as it is looked up, and its address when it is one.

    Args:
        host: a name in any script, an IPv4 address in any spelling, or an IPv6 one in brackets.

    Raises:
        EgressRefused: it is no host; zone ids and percent-encoding are refused too.
    """
    if "%" in host:
        raise _malformed(f"the host {host[:80]!r} holds '%': zone ids and encodings are refused")
    if host.startswith("["):
        return _bracketed(host)
    name = _ascii(host).removesuffix(".")
    if is_numeric_host(name):
        try:
            address = parse_numeric_host(name)
        except ValueError:
            raise _malformed(f"the host {host[:80]!r} is no IPv4 address") from None
        return str(address), address
    if len(name) > _MAX_NAME or not _NAME.fullmatch(name):
        raise _malformed(
            f"the host {host[:80]!r} is no host name" if host else "the URL has no host"
        )
    return name, None


def _bracketed(host: str) -> tuple[str, Address]:
    """Read an IPv6 address in brackets."""
    try:
        address = ipaddress.IPv6Address(host[1:].removesuffix("]"))
    except ValueError:
        raise _malformed(f"the host {host[:80]!r} is no IPv6 address") from None
    return str(address), address


def _ascii(host: str) -> str:
    """Return the host in punycode, with full-width digits and dots made plain."""
    if host.isascii():
        return host.lower()
    try:
        return idna.encode(host, uts46=True, transitional=False).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError):
        pass
    try:  # an address in full-width digits is no valid domain, but maps to a plain one
        mapped = idna.uts46_remap(host, std3_rules=False, transitional=False)
    except (idna.IDNAError, UnicodeError):
        mapped = host
    if not mapped.isascii():
        raise _malformed(f"the host {host[:80]!a} is no host name")
    return mapped.lower()


def _split_port(netloc: str, scheme: str) -> tuple[str, int]:
    """Take host and port apart; without a port the scheme's holds."""
    match = re.fullmatch(r"(\[[^\]]*\]|[^:]*)(?::([0-9]{0,5}))?", netloc)
    if match is None:
        raise _malformed(f"the host and port {netloc[:80]!a} cannot be read")
    host, digits = match[1], match[2]
    port = int(digits) if digits else PORTS[scheme]
    if not 0 < port <= _MAX_PORT:
        raise _malformed(f"the port {port} is not in 1 to {_MAX_PORT}")
    return host, port


def _encode(text: str) -> str:
    """Percent-encode what may not stand in a request line."""
    try:
        return quote(text, safe=_SAFE)
    except UnicodeEncodeError:
        raise _malformed("the URL holds a lone surrogate, which is no text") from None


def _malformed(message: str) -> EgressRefused:
    """Return the error for a URL that nobody could request."""
    return EgressRefused(message, code="INVALID_URL")
