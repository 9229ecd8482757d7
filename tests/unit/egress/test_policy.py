"""Which URLs and addresses the egress policy lets through."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratchet_core.egress.policy import EgressPolicy
from ratchet_core.egress.target import parse_url
from ratchet_core.errors import ConfigurationError
from ratchet_core.sdk.http import EgressRefused

NOBODY = EgressPolicy(self_urls=())


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://017700000001/",
        "http://0/",
        "http://0.0.0.0/",
        "http://10.0.0.1:8080/x",
        "http://169.254.169.254/latest/meta-data/",
        "http://100.64.0.1/",
        "http://[::1]/",
        "http://[::]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[2002:7f00:1::]/",
        "http://[fd00:ec2::254]/",
        "http://127.0.0.1./",
        "http://127\u30020\u30020\u30021/",
        "http://\uff11\uff12\uff17.0.0.1/",
        "http://\u2460\u2461\u2466.0.0.1/",
        "HTTP://127.0.0.1:80/",
    ],
)
def test_an_address_that_is_not_public_is_refused_however_it_is_spelt(url: str) -> None:
    with pytest.raises(EgressRefused, match=r"egress\.allow \(RATCHET_EGRESS_ALLOW\)") as caught:
        NOBODY.check_url(url)

    assert caught.value.code == "EGRESS_REFUSED"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/relative",
        "example.com",
        "//example.com/",
        "http:///x",
        "http://",
        "http://:80/",
        "http://exa mple.com/",
        "http://example.com:0/",
        "http://example.com:65536/",
        "http://example.com:http/",
        "http://example.com:80:80/",
        "http://[::1",
        "http://[fe80::1%25eth0]/",
        "http://[fe80::1%eth0]/",
        "http://127.0.0.1%2f@example.com/",
        "http://%31%32%37.0.0.1/",
        "http://256.1.1.1/",
        "http://1.2.3.4.5/",
        "http://a..b/",
        "http://-a.com/",
        "http://a\\@b.com/",
        "http://exa\u0000mple.com/",
        "http://example.com/\r\nHost: other",
        "http://example.com/\ud800",
        "http://\ud800.com/",
        "http://" + "a" * 64 + ".com/",
        "http://" + "a." * 200 + "com/",
        "http://example.com/" + "a" * 40_000,
        "file:///etc/passwd",
        "ftp://example.com/",
        "gopher://example.com/",
        "javascript:alert(1)",
        "http://user@example.com/",
        "http://user:secret@example.com/",
        "http://example.com@127.0.0.1/",
        "https://:@example.com/",
    ],
)
def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(EgressRefused) as caught:
        NOBODY.check_url(url)

    assert "secret" not in caught.value.message


@given(st.text(max_size=60))
def test_no_text_makes_the_check_fail_in_another_way(text: str) -> None:
    for url in (text, f"http://{text}", f"http://{text}/", f"http://example.com/{text}"):
        try:
            target = NOBODY.check_url(url)
        except EgressRefused:
            continue
        assert target.url.isascii()
        assert not any(mark.isspace() for mark in target.url)


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("http://example.com", "http://example.com/"),
        ("HTTPS://EXAMPLE.COM:443/A?b=c#d", "https://example.com/A?b=c"),
        ("http://example.com.:80/", "http://example.com/"),
        ("http://example.com:8080?x=1", "http://example.com:8080/?x=1"),
        (
            "http://b\u00fccher.example/\u00fc b?q=\u20ac",
            "http://xn--bcher-kva.example/%C3%BC%20b?q=%E2%82%AC",
        ),
        ("http://8.8.8.8/%20", "http://8.8.8.8/%20"),
        ("http://0x08080808/", "http://8.8.8.8/"),
        ("http://[2606:4700:0::1111]:81/", "http://[2606:4700::1111]:81/"),
        (" http://example.com/ ", "http://example.com/"),
    ],
)
def test_a_public_url_is_let_through_in_normal_form(url: str, normal: str) -> None:
    assert NOBODY.check_url(url).url == normal


@pytest.mark.parametrize(
    ("entry", "url", "address"),
    [
        ("internal.example", "http://internal.example/", "10.0.0.1"),
        ("internal.example", "http://INTERNAL.example.:99/", "10.0.0.1"),
        ("internal.example:8080", "http://internal.example:8080/", "10.0.0.1"),
        ("*.example", "http://a.b.example/", "127.0.0.1"),
        ("*.example:81", "http://a.example:81/", "127.0.0.1"),
        ("10.0.0.5", "http://10.0.0.5/", "10.0.0.5"),
        ("10.0.0.5", "http://any.name/", "10.0.0.5"),
        ("10.0.0.5:81", "http://10.0.0.5:81/", "10.0.0.5"),
        ("10.0.0.0/8", "http://any.name/", "10.9.9.9"),
        ("10.0.0.0/8:81", "http://any.name:81/", "10.9.9.9"),
        ("10.0.0.0/8", "http://[::ffff:10.0.0.1]/", "::ffff:10.0.0.1"),
        ("::1", "http://[::1]/", "::1"),
        ("[::1]", "http://[::1]/", "::1"),
        ("[::1]:81", "http://[::1]:81/", "::1"),
        ("fd00::/8", "http://any.name/", "fd00::5"),
        ("[fd00::/8]:81", "http://any.name:81/", "fd00::5"),
        ("b\u00fccher.example", "http://xn--bcher-kva.example/", "10.0.0.1"),
    ],
)
def test_an_entry_allows_what_it_names(entry: str, url: str, address: str) -> None:
    policy = EgressPolicy((entry,), ())

    target = policy.check_url(url)

    policy.check_address(address, target)


@pytest.mark.parametrize(
    ("entry", "url", "address"),
    [
        ("internal.example", "http://other.example/", "10.0.0.1"),
        ("internal.example", "http://a.internal.example/", "10.0.0.1"),
        ("internal.example:8080", "http://internal.example/", "10.0.0.1"),
        ("*.example", "http://example/", "10.0.0.1"),
        ("*.example", "http://badexample/", "10.0.0.1"),
        ("10.0.0.5", "http://any.name/", "10.0.0.6"),
        ("10.0.0.5:81", "http://any.name:82/", "10.0.0.5"),
        ("10.0.0.0/8", "http://any.name/", "127.0.0.1"),
        ("::/0", "http://any.name/", "10.0.0.1"),
    ],
)
def test_an_entry_allows_nothing_else(entry: str, url: str, address: str) -> None:
    policy = EgressPolicy((entry,), ())
    target = parse_url(url)

    with pytest.raises(EgressRefused):
        policy.check_address(address, target)


@pytest.mark.parametrize(
    "entry",
    [
        "",
        " ",
        "*",
        "http://x",
        "a b",
        "10.0.0.5/8",
        "x:0",
        "x:99999",
        "user@x",
        "[::1",
        "1.2.3.4.5",
        "*.*.x",
        "a/b",
    ],
)
def test_an_entry_that_cannot_be_read_is_refused_at_start(entry: str) -> None:
    with pytest.raises(ConfigurationError, match="RATCHET_EGRESS_ALLOW"):
        EgressPolicy((entry,))


def test_the_refusal_names_the_entry_that_would_allow_it() -> None:
    with pytest.raises(EgressRefused) as caught:
        NOBODY.check_url("http://[::1]:9000/token?secret=1")

    entry = "[::1]:9000"
    assert f"add '{entry}'" in caught.value.message
    assert "secret" not in caught.value.message
    EgressPolicy((entry,), ()).check_url("http://[::1]:9000/")


def test_the_own_server_is_allowed_by_its_exact_origin() -> None:
    policy = EgressPolicy(self_urls=("http://127.0.0.1:8080", "http://localhost:8080/"))

    target = policy.check_url("http://localhost:8080/api/v1/tasks")

    policy.check_address("127.0.0.1", target)
    assert policy.is_self(target)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8081/",
        "https://127.0.0.1:8080/",
        "http://127.0.0.1/",
        "http://127.0.0.2:8080/",
    ],
)
def test_what_merely_resembles_the_own_server_is_refused(url: str) -> None:
    with pytest.raises(EgressRefused):
        EgressPolicy().check_url(url)


def test_an_own_url_that_cannot_be_read_is_refused_at_start() -> None:
    with pytest.raises(ConfigurationError, match="self_urls"):
        EgressPolicy(self_urls=("localhost:8080",))


def test_a_list_of_a_plugin_is_added_to_the_policy() -> None:
    policy = NOBODY.with_allowed(("10.0.0.0/8",))

    policy.check_url("http://10.1.1.1/")

    with pytest.raises(EgressRefused):
        NOBODY.check_url("http://10.1.1.1/")
