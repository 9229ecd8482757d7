"""What went wrong on the network, in the words of the sdk: no library's error gets further.

Messages name the host and never the path or query, which may hold secrets.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from typing import Final

from urllib3.exceptions import DecodeError, HTTPError, ReadTimeoutError

from ratchet_core.egress.connection import ConnectTimedOut
from ratchet_core.egress.target import Target
from ratchet_core.sdk.http import EgressRefused, HttpTimeout, NetworkFailure

#: All that the socket, http.client and urllib3 raise about one exchange.
NETWORK_ERRORS: Final = (OSError, http.client.HTTPException, HTTPError, UnicodeError)


def timed_out(target: Target, method: str, timeout_s: float) -> HttpTimeout:
    """Return the error for an exchange that ran into its limit."""
    return HttpTimeout(
        f"{method} {target.origin}: no whole answer within {timeout_s:g} s",
        error_type="TimeoutError",
    )


def too_large(target: Target, limit_bytes: int) -> EgressRefused:
    """Return the error for an answer over the size limit; another try would meet it again."""
    return EgressRefused(
        f"the answer of {target.host} is larger than {limit_bytes} bytes, once decoded",
        code="RESPONSE_TOO_LARGE",
    )


def network_failure(
    error: Exception, target: Target, method: str, timeout_s: float
) -> NetworkFailure | HttpTimeout:
    """Turn an error of the network, or of a library, into one of ours."""
    if isinstance(error, ConnectTimedOut):
        return HttpTimeout(f"{method} {target.origin}: {error}", error_type="TimeoutError")
    if isinstance(error, TimeoutError | ReadTimeoutError):
        return timed_out(target, method, timeout_s)
    return NetworkFailure(
        f"{method} {target.origin}: {_reason(error, target)}", error_type="NetworkError"
    )


def _reason(error: Exception, target: Target) -> str:
    """Say in a few words what happened."""
    tls = next((e for e in (error, *error.args) if isinstance(e, ssl.SSLError)), None)
    if isinstance(tls, ssl.SSLCertVerificationError):
        return f"the certificate was not accepted: {tls.verify_message}"
    if tls is not None:
        return f"TLS failed: {(tls.reason or 'protocol error').replace('_', ' ').lower()}"
    if isinstance(error, socket.gaierror | UnicodeError):
        return f"the host name {target.host} was not found"
    if isinstance(error, ConnectionRefusedError):
        return "the connection was refused"
    if isinstance(error, DecodeError):
        return "the answer's content encoding is broken"
    if isinstance(error, OSError) and error.errno and not isinstance(error, ConnectionError):
        return (error.strerror or "no connection").lower()
    return "the connection broke before the whole answer was there, or the answer was no HTTP"
