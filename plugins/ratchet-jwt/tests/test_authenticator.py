"""Tokens that are let in, and the attacks that are not."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import jwt
import orjson
import pytest

from ratchet_core.sdk import Principal, RequestView
from ratchet_jwt.authenticator import JwtAuthenticator

SECRET = "canary-hs256-secret-0123456789abcdef"


def request(token: str, scheme: str = "Bearer") -> RequestView:
    return RequestView(method="GET", path="/", headers={"authorization": f"{scheme} {token}"})


def claims(**more: Any) -> dict[str, Any]:
    whole = {"sub": "alice", "exp": int(time.time()) + 600, **more}
    return {name: value for name, value in whole.items() if value is not None}


def signed(secret: Any = SECRET, algorithm: str = "HS256", **more: Any) -> str:
    return jwt.encode(claims(**more), secret, algorithm)


def by_hand(header: dict[str, Any], body: Any, sign: Callable[[bytes], bytes]) -> str:
    """Make a token that no library would make."""

    def text(raw: bytes) -> bytes:
        return base64.urlsafe_b64encode(raw).rstrip(b"=")

    head = text(orjson.dumps(header)) + b"." + text(orjson.dumps(body))
    return (head + b"." + text(sign(head))).decode()


def hs256(secret: bytes) -> Callable[[bytes], bytes]:
    return lambda head: hmac.new(secret, head, hashlib.sha256).digest()


def test_a_good_token_names_its_caller(make: Any) -> None:
    end = int(time.time()) + 600
    token = signed(exp=end, roles=["operator"], permissions="key:read", namespaces=["payments"])

    assert make(secret=SECRET).authenticate(request(token)) == Principal(
        id="alice",
        roles=("operator",),
        permissions=("key:read",),
        namespaces=("payments",),
        expires_at=datetime.fromtimestamp(end, UTC),
    )


def test_the_short_form_of_the_configuration_is_one_hs256_key(make: Any) -> None:
    assert make(jwt_secret=SECRET).authenticate(request(signed())).id == "alice"


@pytest.mark.parametrize("kind", ["rsa_pair", "ec_pair"])
def test_asymmetric_keys_work(
    make: Any, pem_file: Any, request: pytest.FixtureRequest, kind: str
) -> None:
    pair = request.getfixturevalue(kind)
    algorithm = "RS256" if kind == "rsa_pair" else "ES256"
    made = make(keys=[{"algorithm": algorithm, "file": pem_file(pair.public_pem)}])
    token = signed(pair.private, algorithm)

    view = RequestView(method="GET", path="/", headers={"authorization": f"bearer {token}"})
    assert made.authenticate(view).id == "alice"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Basic YTpi"},
        {"authorization": "Bearer"},
        {"authorization": "Bearer x"},
    ],
)
def test_a_request_without_a_token_is_left_to_the_next(make: Any, headers: dict[str, str]) -> None:
    view = RequestView(method="GET", path="/", headers=headers)

    assert make(secret=SECRET).authenticate(view) is None


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(lambda: signed(exp=int(time.time()) - 1), id="expired"),
        pytest.param(lambda: signed(exp=None), id="without an end"),
        pytest.param(lambda: signed(exp=True), id="an end that is no number"),
        pytest.param(lambda: signed(exp="never"), id="an end that is a text"),
        pytest.param(lambda: signed(sub=None), id="without a subject"),
        pytest.param(lambda: signed(nbf=int(time.time()) + 600), id="not yet"),
        pytest.param(lambda: signed("x" * 40), id="another secret"),
        pytest.param(lambda: signed(SECRET * 2, "HS512"), id="another hash"),
        pytest.param(lambda: signed(type="refresh"), id="a refresh token"),
        pytest.param(lambda: signed(roles={"admin": True}), id="roles that are no list"),
        pytest.param(lambda: signed(roles=[1]), id="roles that are no texts"),
        pytest.param(lambda: signed(namespaces=7), id="namespaces that are no list"),
        pytest.param(lambda: signed(x="y" * 9000), id="too long"),
        pytest.param(lambda: signed()[:-2], id="cut"),
        pytest.param(lambda: "..", id="empty parts"),
        pytest.param(lambda: "a.b.c", id="no base64"),
        pytest.param(lambda: "é.é.é", id="no ASCII"),
        pytest.param(lambda: "x" * 1_000_000 + ".y.z", id="huge"),
        pytest.param(
            lambda: jwt.encode(claims(), None, "none"),  # type: ignore[arg-type]
            id="no algorithm",
        ),
        pytest.param(
            lambda: by_hand({"alg": "NONE"}, claims(), lambda _: b""), id="no algorithm, shouted"
        ),
        pytest.param(
            lambda: by_hand({"alg": "hs256"}, claims(), hs256(SECRET.encode())), id="misspelt"
        ),
        pytest.param(lambda: by_hand({}, claims(), hs256(SECRET.encode())), id="no alg at all"),
        pytest.param(
            lambda: by_hand({"alg": "HS256", "crit": ["exp"]}, claims(), hs256(SECRET.encode())),
            id="critical extensions",
        ),
        pytest.param(
            lambda: by_hand({"alg": "HS256", "kid": 7}, claims(), hs256(SECRET.encode())),
            id="a kid that is no text",
        ),
        pytest.param(
            lambda: by_hand({"alg": "HS256"}, ["alice"], hs256(SECRET.encode())), id="a list"
        ),
        pytest.param(
            lambda: by_hand(
                {
                    "alg": "HS256",
                    "jwk": {"kty": "oct", "k": "eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHg"},
                },
                claims(),
                hs256(b"x" * 32),
            ),
            id="a key of its own",
        ),
    ],
)
def test_a_bad_token_is_refused(make: Any, token: Callable[[], str]) -> None:
    with pytest.raises(Exception) as refused:  # noqa: PT011 - raising at all is the contract
        make(secret=SECRET).authenticate(request(token()))

    assert SECRET not in str(refused.value)


def test_a_public_key_is_never_an_hmac_secret(make: Any, pem_file: Any, rsa_pair: Any) -> None:
    made = make(keys=[{"algorithm": "RS256", "file": pem_file(rsa_pair.public_pem)}])
    for pem in (rsa_pair.public_pem, rsa_pair.public_pem.strip()):
        token = by_hand({"alg": "HS256"}, claims(), hs256(pem))

        with pytest.raises(Exception, match="algorithm"):
            made.authenticate(request(token))


def test_a_published_key_is_never_an_hmac_secret(make: Any, published: Any, rsa_pair: Any) -> None:
    published.keys = [rsa_pair.jwk("one")]
    made = make(jwks_url="https://login.example.com/keys")
    token = by_hand({"alg": "HS256", "kid": "one"}, claims(), hs256(rsa_pair.public_pem))

    with pytest.raises(Exception, match="algorithm"):
        made.authenticate(request(token))


def test_each_key_takes_its_own_algorithm_alone(make: Any, pem_file: Any, rsa_pair: Any) -> None:
    made = make(
        keys=[
            {"kid": "public", "algorithm": "RS256", "file": pem_file(rsa_pair.public_pem)},
            {"kid": "shared", "algorithm": "HS256", "secret": SECRET},
        ]
    )
    good = jwt.encode(claims(), SECRET, "HS256", headers={"kid": "shared"})
    crossed = jwt.encode(claims(), SECRET, "HS256", headers={"kid": "public"})
    nameless = jwt.encode(claims(), SECRET, "HS256")

    assert made.authenticate(request(good)).id == "alice"
    for token in (crossed, nameless):
        with pytest.raises(Exception, match=r"algorithm|no key"):
            made.authenticate(request(token))


@pytest.mark.parametrize("given", [{}, {"iss": "https://evil.example", "aud": "ratchet"}])
def test_a_token_of_another_issuer_is_refused(make: Any, given: dict[str, str]) -> None:
    made = make(secret=SECRET, issuer="https://login.example.com", audience="ratchet")

    with pytest.raises(jwt.InvalidTokenError):
        made.authenticate(request(signed(**given)))


@pytest.mark.parametrize("audience", [None, "other", ["a", "b"]])
def test_a_token_for_another_audience_is_refused(make: Any, audience: Any) -> None:
    with pytest.raises(jwt.InvalidTokenError):
        make(secret=SECRET, audience="ratchet").authenticate(request(signed(aud=audience)))


def test_a_token_of_the_right_issuer_and_audience_is_let_in(make: Any) -> None:
    made = make(secret=SECRET, issuer="https://login.example.com", audience="ratchet")
    token = signed(iss="https://login.example.com", aud=["ratchet", "other"])

    assert made.authenticate(request(token)).id == "alice"


def test_rights_may_stand_deeper_and_in_the_scope(make: Any) -> None:
    made = make(secret=SECRET, roles_claim="realm_access.roles")
    token = signed(realm_access={"roles": ["viewer"]}, scope="openid run:cancel profile")

    known = made.authenticate(request(token))

    assert (known.roles, known.permissions) == (("viewer",), ("run:cancel",))


def test_what_is_issued_is_known_again(make: Any) -> None:
    made: JwtAuthenticator = make(secret=SECRET, issuer="us", audience="ratchet")
    wanted = Principal(id="bob", roles=("operator@payments",), namespaces=("payments",))

    issued = made.issue(wanted, 60, refreshable=True)
    known = made.authenticate(request(issued.access))

    assert known is not None
    assert (known.id, known.roles, known.namespaces) == ("bob", wanted.roles, wanted.namespaces)
    assert issued.access not in repr(issued)


def test_a_refresh_token_is_good_for_a_new_token_and_for_nothing_else(make: Any) -> None:
    made: JwtAuthenticator = make(secret=SECRET)
    issued = made.issue(Principal(id="bob", roles=("viewer",)), refreshable=True)
    assert issued.refresh is not None

    known = made.authenticate(request(made.refresh(issued.refresh).access))

    assert known is not None
    assert (known.id, known.roles) == ("bob", ("viewer",))
    for wrong in (issued.access, signed(), "a.b.c"):
        with pytest.raises(Exception):  # noqa: B017, PT011 - raising at all is the contract
            made.refresh(wrong)
    with pytest.raises(Exception, match="no access token"):
        made.authenticate(request(issued.refresh))


def test_a_key_that_is_public_issues_nothing(make: Any, pem_file: Any, rsa_pair: Any) -> None:
    made = make(keys=[{"algorithm": "RS256", "file": pem_file(rsa_pair.public_pem)}])

    with pytest.raises(Exception, match="sign"):
        made.issue(Principal(id="bob"))


def test_a_private_key_issues_tokens(make: Any, pem_file: Any, ec_pair: Any) -> None:
    made = make(keys=[{"kid": "k", "algorithm": "ES256", "file": pem_file(ec_pair.private_pem)}])

    assert made.authenticate(request(made.issue(Principal(id="bob")).access)).id == "bob"
