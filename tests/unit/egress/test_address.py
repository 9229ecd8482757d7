"""What sort an address is, and how it may be spelt."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratchet_core.egress.address import (
    is_numeric_host,
    judged_addresses,
    kind_of,
    parse_numeric_host,
)


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("8.8.8.8", None),
        ("1.1.1.1", None),
        ("172.15.255.255", None),
        ("172.32.0.0", None),
        ("100.63.255.255", None),
        ("2606:4700::1111", None),
        ("0.0.0.0", "unspecified"),  # noqa: S104 - looked at, not bound
        ("0.1.2.3", "unspecified"),
        ("10.255.0.1", "private"),
        ("172.31.255.255", "private"),
        ("192.168.0.1", "private"),
        ("100.64.0.1", "carrier-grade NAT"),
        ("127.0.0.1", "loopback"),
        ("127.255.255.254", "loopback"),
        ("169.254.169.254", "link-local"),
        ("192.0.2.1", "reserved"),
        ("198.19.255.255", "reserved"),
        ("224.0.0.1", "multicast"),
        ("240.0.0.1", "reserved"),
        ("255.255.255.255", "reserved"),
        ("::", "unspecified"),
        ("::1", "loopback"),
        ("fe80::1", "link-local"),
        ("fec0::1", "private"),
        ("fd00:ec2::254", "private"),
        ("ff02::1", "multicast"),
        ("2001:db8::1", "reserved"),
        ("2001:2::1", "reserved"),
        ("3fff::1", "reserved"),
        ("4000::1", "reserved"),
        ("100::1", "reserved"),
        ("64:ff9b:1::1", "reserved"),
    ],
)
def test_each_address_is_of_the_kind_that_the_registries_name(
    address: str, kind: str | None
) -> None:
    assert kind_of(ipaddress.ip_address(address)) == kind


@pytest.mark.parametrize(
    ("address", "judged"),
    [
        ("::ffff:127.0.0.1", ["127.0.0.1"]),
        ("::127.0.0.1", ["127.0.0.1"]),
        ("::ffff:8.8.8.8", ["8.8.8.8"]),
        ("2002:7f00:1::", ["127.0.0.1"]),
        ("2002:808:808::1", ["8.8.8.8"]),
        ("64:ff9b::a9fe:a9fe", ["169.254.169.254"]),
        ("2001:0:808:808::80ff:fffe", ["8.8.8.8", "127.0.0.1"]),
        ("2606:4700::5efe:10.0.0.1", ["2606:4700::5efe:a00:1", "10.0.0.1"]),
        ("::1", ["::1"]),
        ("::", ["::"]),
        ("2606:4700::1111", ["2606:4700::1111"]),
        ("10.0.0.1", ["10.0.0.1"]),
    ],
)
def test_an_address_inside_an_address_is_what_is_judged(address: str, judged: list[str]) -> None:
    found = judged_addresses(ipaddress.ip_address(address))

    assert [str(one) for one in found] == judged


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0X7F.0x0.0.1",
        "017700000001",
        "0177.0.0.1",
        "0x7f.1",
        "00000000000000000000177.0.0.1",
    ],
)
def test_every_spelling_of_an_ipv4_address_is_read(host: str) -> None:
    assert is_numeric_host(host)
    assert str(parse_numeric_host(host)) == "127.0.0.1"


@pytest.mark.parametrize(
    "host",
    [
        "256.0.0.1",
        "1.2.3.4.5",
        "4294967296",
        "0x100000000",
        "08.0.0.1",
        "a.1",
        "1..2",
    ],
)
def test_a_number_that_is_no_address_is_refused_and_never_a_name(host: str) -> None:
    assert is_numeric_host(host)
    with pytest.raises(ValueError):  # noqa: PT011 - the caller knows the host and says it
        parse_numeric_host(host)


@given(st.ip_addresses(v=4))
def test_an_address_in_decimal_octal_and_hex_is_the_same(address: ipaddress.IPv4Address) -> None:
    number = int(address)

    assert parse_numeric_host(str(number)) == address
    assert parse_numeric_host(hex(number)) == address
    assert parse_numeric_host(f"0{number:o}") == address


@given(st.ip_addresses(v=4))
def test_no_form_of_embedding_makes_a_private_address_public(
    address: ipaddress.IPv4Address,
) -> None:
    number = int(address)
    forms = [
        ipaddress.IPv6Address((0xFFFF << 32) | number),
        ipaddress.IPv6Address((0x2002 << 112) | (number << 80)),
        ipaddress.IPv6Address(int(ipaddress.IPv6Address("64:ff9b::")) | number),
        ipaddress.IPv6Address((0x20010000 << 96) | (number ^ 0xFFFFFFFF)),
    ]

    for form in forms:
        kinds = {kind_of(one) for one in judged_addresses(form)}
        assert kind_of(address) in kinds
