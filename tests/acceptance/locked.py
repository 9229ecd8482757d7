"""A Ratchet with authentication on, for tests: its address, its keys, and callers with rights."""

from __future__ import annotations

import base64
import json
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
import requests

from tests.processes import RATCHET, Running, environment

#: Found in no log, no answer and no file.
SECRET = "canary-jwt-secret-0123456789-0123456789"

LOCKED = {
    "RATCHET_AUTH_AUTHENTICATION_ENABLED": "true",
    "RATCHET_AUTH_AUTHORIZATION_ENABLED": "true",
    "RATCHET_AUTH_AUTHENTICATORS": "jwt,api-key",
    "RATCHET_PLUGIN_JWT__SECRET": SECRET,
    "RATCHET_LOGGING_LEVEL": "trace",
    "RATCHET_RATE_LIMIT_ENABLED": "false",  # tests of other things call often
    "RATCHET_EGRESS_ALLOW": "127.0.0.1",  # scripts of tests fetch servers of tests
}


def token(subject: str = "alice", *, secret: Any = SECRET, **claims: Any) -> str:
    """Return a token; a claim that is None is left out."""
    whole = {"sub": subject, "exp": int(time.time()) + 7 * 86_400, **claims}
    return jwt.encode(
        {name: value for name, value in whole.items() if value is not None}, secret, "HS256"
    )


@dataclass
class Locked:
    """A running Ratchet that asks who calls."""

    started: Running
    folder: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def base(self) -> str:
        """Its address."""
        return self.started.base

    def call(self, method: str, path: str, credentials: str | None = None, **options: Any) -> Any:
        """Return the answer to a call with a bearer token, or with none."""
        headers = dict(options.pop("headers", {}))
        if credentials is not None:
            headers["Authorization"] = f"Bearer {credentials}"
        return requests.request(method, self.base + path, headers=headers, timeout=30, **options)

    def command(self, *arguments: str, given: str = "", code: int = 0) -> Any:
        """Return what a command prints as JSON."""
        done = subprocess.run(
            [RATCHET, "--json", *arguments],
            cwd=self.folder,
            env=environment(self.folder, **self.variables),
            input=given,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    def key(self, *arguments: str) -> str:
        """Return a new API key."""
        made: str = self.command("auth", "key", "create", "a test", *arguments)["key"]
        return made

    def start(self, credentials: str, task: str) -> str:
        """Execute a task and return the id of its job."""
        path = f"/api/v1/tasks/{task}/execute"
        answer = self.call("POST", path, credentials, json={"input": {}})
        assert answer.status_code == 202, answer.text
        job_id: str = answer.json()["job"]["id"]
        return job_id


def bad_tokens() -> dict[str, str]:
    """Return tokens that let nobody in, by what is wrong with them."""

    def text(raw: bytes) -> str:
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    good = token(roles=["admin"])
    head, body, signature = good.split(".")
    nobody = text(b'{"alg":"none","typ":"JWT"}')
    return {
        "malformed": "nonsense",
        "empty parts": "..",
        "expired": token(exp=int(time.time()) - 1, roles=["admin"]),
        "without an end": token(exp=None, roles=["admin"]),
        "not yet": token(nbf=int(time.time()) + 7 * 86_400, roles=["admin"]),
        "without a subject": token(sub=None, roles=["admin"]),
        "another secret": token(secret="x" * 40, roles=["admin"]),
        "no signature": f"{head}.{body}.",
        "no algorithm": f"{nobody}.{body}.",
        "no algorithm, signed": f"{nobody}.{body}.{signature}",
        "changed": f"{head}.{text(b'{}')}.{signature}",
        "a refresh token": token(type="refresh", roles=["admin"]),
        "huge": token(secret="x" * 40, x="y" * 5000),
        "a key that is unknown": "rtk_abcdefghijkl_" + "a" * 43,
        "a key that is none": "rtk_",
    }
