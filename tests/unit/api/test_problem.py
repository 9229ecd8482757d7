from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ratchet_core import errors
from ratchet_core.api.door import refusal
from ratchet_core.api.door.problem import Dialect, describe
from ratchet_core.api.ratchet.problem import DIALECT as RATCHET
from ratchet_core.api.tasker.problem import DIALECT as TASKER
from ratchet_core.errors import RatchetError

NOW = datetime(2024, 1, 15, 10, 30, tzinfo=UTC)


def _told(error: RatchetError, dialect: Dialect) -> dict[str, Any]:
    body = dialect.body(describe(error, dialect), "call-1", NOW)
    inner: dict[str, Any] = body["error"]
    return inner


@pytest.mark.parametrize(
    ("error", "ratchet", "tasker"),
    [
        (errors.InvalidRequest("x"), 400, 400),
        (errors.ValidationFailed("x"), 400, 422),
        (refusal.Malformed("x"), 400, 400),
        (errors.PayloadTooLarge("x"), 413, 413),
        (refusal.UnsupportedMediaType("x"), 415, 415),
        (errors.AuthenticationFailed("x"), 401, 401),
        (errors.AuthorizationFailed("x"), 403, 403),
        (refusal.OriginRefused("x"), 403, 403),
        (errors.RunNotFound("x"), 404, 404),
        (refusal.MethodNotAllowed("PUT", ["GET"]), 405, 405),
        (errors.IllegalTransition("run", "a", "b"), 409, 409),
        (errors.RateLimited("x", 2), 429, 429),
        (errors.ConfigurationError("x"), 500, 500),
        (errors.Unavailable("x"), 503, 503),
    ],
)
def test_each_error_has_its_status_in_each_dialect(
    error: RatchetError, ratchet: int, tasker: int
) -> None:
    assert describe(error, RATCHET).status == ratchet
    assert describe(error, TASKER).status == tasker


def test_tasker_tells_of_a_missing_handler_as_the_seed_does() -> None:
    error = errors.WorkflowNotFound("payments", "unknown_handler", "1.0.0")

    assert _told(error, TASKER) == {
        "type": "HandlerNotFound",
        "message": "Handler 'unknown_handler' not found in namespace 'payments' version '1.0.0'",
        "code": "HANDLER_NOT_FOUND",
    }


def test_tasker_tells_of_a_missing_namespace_as_the_seed_does() -> None:
    assert _told(errors.NamespaceNotFound("unknown_namespace"), TASKER) == {
        "type": "NamespaceNotFound",
        "message": "Namespace 'unknown_namespace' does not exist",
        "code": "NAMESPACE_NOT_FOUND",
    }


def test_tasker_spells_the_other_two_of_the_seeds_errors() -> None:
    unknown = _told(errors.AuthenticationFailed("Invalid or expired authentication token"), TASKER)
    denied = _told(
        errors.AuthorizationFailed("Insufficient permissions for tasker.handler:index"), TASKER
    )

    assert (unknown["type"], unknown["code"]) == ("AuthenticationError", "AUTHENTICATION_FAILED")
    assert (denied["type"], denied["code"]) == ("AuthorizationError", "AUTHORIZATION_FAILED")


def test_ratchet_speaks_of_tasks_and_jobs_and_adds_trace_id_and_time() -> None:
    told = _told(errors.WorkflowNotFound("default", "nope"), RATCHET)

    assert told["type"] == "NotFoundError"
    assert told["code"] == "TASK_NOT_FOUND"
    assert told["message"].startswith("Task 'nope' does not exist")
    assert told["trace_id"] == "call-1"
    assert told["timestamp"] == "2024-01-15T10:30:00.000Z"


def test_ratchet_tells_how_long_to_wait_in_both_spellings_and_never_zero() -> None:
    told = _told(errors.RateLimited("slow down", 0.2), RATCHET)

    assert told["retry_after"] == told["retryAfter"] == 1


def test_errors_about_runs_name_them_in_the_dialects_words() -> None:
    error = errors.Conflict("Run 'x' is completed; it cannot be asked to cancel")

    assert _told(error, RATCHET)["message"].startswith("Job 'x'")
    assert _told(error, TASKER)["message"].startswith("Task 'x'")


@pytest.mark.parametrize("dialect", [RATCHET, TASKER])
def test_every_class_of_the_tree_has_a_type(dialect: Dialect) -> None:
    kinds = [RatchetError]
    for kind in kinds:
        kinds += kind.__subclasses__()

    assert [kind for kind in kinds if not set(kind.__mro__) & set(dialect.types)] == []
