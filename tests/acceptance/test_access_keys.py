"""API keys, issued tokens, the audit log, and what must be in no log (decisions.md section 5)."""

from __future__ import annotations

from pathlib import Path

from tests.acceptance.conftest import DEFINITIONS
from tests.acceptance.locked import SECRET, Locked, bad_tokens, token
from tests.processes import ratchet_up
from tests.waiting import wait_for


def test_an_api_key_is_let_in_by_either_header_until_it_is_revoked(locked: Locked) -> None:
    key = locked.key("--permission", "workflow:read", "--namespace", "shop")
    plain = locked.call("GET", "/api/v1/tasks", headers={"X-API-Key": key})

    assert locked.call("GET", "/api/v1/tasks", key).json() == plain.json()
    assert {task["namespace"] for task in plain.json()["items"]} == {"shop"}
    assert locked.call("GET", "/api/v1/jobs", key).status_code == 403
    listed = locked.command("auth", "key", "list")["keys"]
    prefix = key.split("_")[1]
    assert next(item for item in listed if item["prefix"] == prefix)["last_used_at"]
    locked.command("auth", "key", "revoke", prefix)
    assert locked.call("GET", "/api/v1/tasks", key).status_code == 401


def test_an_api_key_ends_when_its_time_is_over(locked: Locked) -> None:
    key = locked.key("--role", "viewer", "--expires-in", "2s")

    wait_for(lambda: locked.call("GET", "/api/v1/tasks", key).status_code == 401, "the key to end")


def test_a_token_of_the_command_line_is_let_in_and_recognised(locked: Locked) -> None:
    made = locked.command("auth", "token", "create", "--subject", "dora", "--role", "viewer")

    assert locked.call("GET", "/api/v1/tasks", made["access_token"]).status_code == 200
    known = locked.command("auth", "token", "verify", given=made["access_token"] + "\n")
    assert (known["principal"], known["roles"]) == ("jwt:dora", ["viewer"])


def test_a_refresh_token_is_exchanged_for_a_new_token_and_opens_nothing_else(
    locked: Locked,
) -> None:
    made = locked.command(
        "auth", "token", "create", "--subject", "dora", "--role", "viewer", "--refresh"
    )
    path = "/api/v1/auth/refresh"

    answer = locked.call("POST", path, made["refresh_token"])

    assert answer.status_code == 200
    assert answer.json()["token_type"] == "Bearer"
    fresh = answer.json()["access_token"]
    assert locked.call("GET", "/api/v1/tasks", fresh).status_code == 200
    assert locked.call("DELETE", "/api/v1/tasks/echo", fresh).status_code == 403
    assert locked.call("GET", "/api/v1/tasks", made["refresh_token"]).status_code == 401
    for wrong in (None, made["access_token"], "nonsense", bad_tokens()["no algorithm"]):
        assert locked.call("POST", path, wrong).status_code == 401


def test_changes_are_in_the_audit_log_with_who_what_where_and_how_it_ended(
    locked: Locked, admin: str
) -> None:
    job = locked.start(admin, "waiting.parked")
    locked.call("POST", f"/api/v1/jobs/{job}/cancel", token("eve", roles=["viewer"]))
    locked.call("POST", f"/api/v1/jobs/{job}/cancel", token("frank", roles=["operator"]))
    locked.call("GET", f"/api/v1/jobs/{job}", admin)

    entries = locked.command("audit", "list")["entries"]
    told = [
        (e["entry"]["principal"], e["entry"]["operation"], e["entry"]["status"])
        for e in entries
        if job in e["entry"]["path"]
    ]
    assert told == [("jwt:frank", "cancelJob", 200), ("jwt:eve", "cancelJob", 403)]
    assert entries[0]["entry"]["address"] == "127.0.0.1"
    wait_for(
        lambda: all(e["digest"] for e in locked.command("audit", "list")["entries"]),
        "the maintenance to seal the log",
    )
    assert locked.command("audit", "verify")["broken_at"] is None


def test_no_credentials_are_in_the_log_or_in_any_file(locked: Locked, admin: str) -> None:
    key = locked.key("--role", "viewer")
    sent = [admin, key, *bad_tokens().values()]
    for credentials in sent:
        locked.call("GET", "/api/v1/tasks", credentials)
        locked.call("POST", "/graphql", credentials, json={"query": "{ tasks { total } }"})
        locked.call("GET", f"/api/v1/tasks?token={credentials}"[:4000], credentials)
        locked.call("GET", "/tasker/handlers", headers={"X-API-Key": credentials})
    canaries = [SECRET, *(item.encode()[-40:].decode() for item in sent if len(item) > 50)]

    files = [path for path in Path(locked.folder).rglob("*") if path.is_file()]
    assert "refused the credentials" in locked.started.text()
    for path in files:
        content = path.read_bytes()
        leaked = [canary for canary in canaries if canary.encode() in content]
        assert leaked == [], path


AUTHENTICATOR = """
from ratchet_core.sdk import Authenticator, Principal


class Badge(Authenticator):
    name = "badge"

    def authenticate(self, request):
        badge = request.headers.get("x-badge")
        if badge is None:
            return None
        if badge == "broken":
            raise RuntimeError("no such badge")
        return Principal(id=badge, roles=(self.settings.own["role"],))
"""


def test_tasker_005_a_class_of_the_operator_s_own_reads_credentials_its_way(
    tmp_path: Path,
) -> None:
    (tmp_path / "badges.py").write_text(AUTHENTICATOR, encoding="utf-8")
    variables = {
        "PYTHONPATH": str(tmp_path),
        "RATCHET_PATH": str(DEFINITIONS),
        "RATCHET_AUTH_AUTHENTICATION_ENABLED": "true",
        "RATCHET_AUTH_AUTHENTICATOR_CLASS": "badges.Badge",
        "RATCHET_PLUGIN_BADGE__ROLE": "viewer",
    }
    with ratchet_up(tmp_path, **variables) as started:
        badges = Locked(started, tmp_path, variables)

        def status(method: str, path: str, **headers: str) -> int:
            named = {key.replace("_", "-"): value for key, value in headers.items()}
            return int(badges.call(method, path, headers=named).status_code)

        assert status("GET", "/tasker/handlers", X_Badge="alice") == 200
        assert status("GET", "/tasker/handlers") == 401
        assert status("GET", "/tasker/handlers", X_Badge="broken") == 401
        assert status("GET", "/tasker/handlers", Authorization="Bearer x") == 401
        assert status("DELETE", "/api/v1/tasks/echo", X_Badge="alice") == 403
