"""What sort of thing an IP address is, and the many ways to spell one. Pure."""

from __future__ import annotations

import ipaddress
from typing import Final

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

#: Networks that are not public, by what they are, after the IANA special-purpose registries. They
#: are listed here because `ipaddress.is_global` changed its mind between patch releases.
_SPECIAL_V4: Final = tuple(
    (ipaddress.IPv4Network(network), kind)
    for network, kind in (
        ("0.0.0.0/8", "unspecified"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "carrier-grade NAT"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved"),
        ("192.0.2.0/24", "reserved"),
        ("192.88.99.0/24", "reserved"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "reserved"),
        ("198.51.100.0/24", "reserved"),
        ("203.0.113.0/24", "reserved"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
    )
)
_SPECIAL_V6: Final = tuple(
    (ipaddress.IPv6Network(network), kind)
    for network, kind in (
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "private"),
        ("ff00::/8", "multicast"),
        ("2001::/23", "reserved"),
        ("2001:db8::/32", "reserved"),
        ("3fff::/20", "reserved"),
    )
)
#: All that is handed out as global unicast; what lies outside and is not named above is reserved.
_GLOBAL_V6: Final = ipaddress.IPv6Network("2000::/3")
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_V4_COMPATIBLE: Final = ipaddress.IPv6Network("::/96")
_ISATAP_MARKS: Final = (0x0000_5EFE, 0x0200_5EFE)

_MAX_PARTS: Final = 4
_BYTE: Final = 256


def kind_of(address: Address) -> str | None:
    """Return why the address is not public, such as "loopback", or None when it is public.

    IPv4 addresses inside IPv6 ones are not looked for: see `judged_addresses`.
    """
    if isinstance(address, ipaddress.IPv4Address):
        return next((kind for network, kind in _SPECIAL_V4 if address in network), None)
    special = next((kind for network, kind in _SPECIAL_V6 if address in network), None)
    return special or (None if address in _GLOBAL_V6 else "reserved")


def judged_addresses(address: Address) -> tuple[Address, ...]:
    """Return the addresses that packets to this one may end at.

    Mapped, compatible, 6to4, NAT64, Teredo and ISATAP forms carry IPv4 addresses, and it is these
    that are judged. Any other address stands for itself.
    """
    if isinstance(address, ipaddress.IPv4Address):
        return (address,)
    return _embedded(address) or (address,)


def _embedded(address: ipaddress.IPv6Address) -> tuple[Address, ...]:
    """Return the IPv4 addresses inside an IPv6 one."""
    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped,)
    if address.sixtofour is not None:
        return (address.sixtofour,)
    if address.teredo is not None:
        return address.teredo
    low = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    if address in _NAT64:
        return (low,)
    if address in _V4_COMPATIBLE and int(address) > 1:
        return (low,)
    if (int(address) >> 32) & 0xFFFF_FFFF in _ISATAP_MARKS:
        return (address, low)
    return ()


def is_numeric_host(host: str) -> bool:
    """Say whether a host is meant as an IPv4 address: its last label is a number.

    Browsers and C libraries read `127.1`, `0x7f000001`, `017700000001` and `2130706433` as
    addresses, so a host of that form is never looked up as a name.
    """
    last = host.rpartition(".")[2]
    return last.isdecimal() or last[:2].lower() == "0x"


def parse_numeric_host(host: str) -> ipaddress.IPv4Address:
    """Read an IPv4 address in any of its spellings: 1 to 4 parts, decimal, octal or hex.

    Raises:
        ValueError: it is none.
    """
    parts = host.split(".")
    if len(parts) > _MAX_PARTS:
        raise ValueError(host)
    *heads, last = (_number(part) for part in parts)
    if any(head >= _BYTE for head in heads) or last >= _BYTE ** (_MAX_PARTS - len(heads)):
        raise ValueError(host)
    value = last
    for place, head in enumerate(heads):
        value += head << (8 * (_MAX_PARTS - 1 - place))
    return ipaddress.IPv4Address(value)


def _number(part: str) -> int:
    """Read one part: `0x` makes it hex, a leading zero octal."""
    if not part.isascii() or not part.isalnum() or len(part) > len("0x") + 64:
        raise ValueError(part)
    if part[:2].lower() == "0x":
        return int(part[2:] or "0", 16)
    return int(part, 8 if part[0] == "0" else 10)
