"""A client that may reach 127.0.0.1, and certificates: an authority and a name it vouches for."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from ratchet_core.egress import EgressPolicy, PinnedClient


@dataclass(frozen=True, slots=True)
class Tls:
    """What a TLS server needs and what a client needs to trust it."""

    server: ssl.SSLContext
    ca_file: str


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    """A server certificate for secure.test, and the file of the authority behind it."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("secure.test").configure_cert(context)
    ca_file = Path(tmp_path_factory.mktemp("tls")) / "authority.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    return Tls(context, str(ca_file))


@pytest.fixture
def client() -> Iterator[PinnedClient]:
    """A client for which 127.0.0.1 plays the public internet."""
    policy = EgressPolicy(("127.0.0.1",), ())
    with contextlib.closing(PinnedClient(policy, timeout_s=10)) as made:
        yield made
