"""acceptance.md, Tasker: handler discovery."""

from __future__ import annotations

from typing import Any

import pytest

from tests.acceptance.conftest import Api

STEP_KEYS = {
    "name",
    "description",
    "handler_class",
    "depends_on_step",
    "default_retryable",
    "default_retry_limit",
    "skippable",
    "custom_events",
}
CHAIN = ["validate_payment", "charge_card", "update_order", "send_confirmation"]


def _namespaces(api: Api) -> dict[str, dict[str, Any]]:
    listed = api.get("/tasker/handlers").json()["namespaces"]
    return {item["name"]: item for item in listed}


def _payment(api: Api, query: str = "") -> dict[str, Any]:
    found: dict[str, Any] = api.get(f"/tasker/handlers/payments/process_payment{query}").json()
    return found


def test_tasker_001_discovery_tasks_and_dependencies_are_one_api(api: Api) -> None:
    task = api.post("/tasker/tasks", json={"name": "order", "namespace": "shop"} | PARKED).json()

    detail = api.get(f"/tasker/tasks/{task['id']}?include_dependencies=true").json()
    assert set(detail["dependencies"]) == {
        "analysis",
        "blocked_steps",
        "ready_steps",
        "completed_steps",
    }


PARKED = {"name": "parked", "namespace": "waiting", "context": {}}


def test_tasker_006_calls_without_a_token_work_while_authentication_is_off(api: Api) -> None:
    assert api.get("/tasker/handlers").status_code == 200


def test_tasker_004_a_content_type_on_a_get_breaks_nothing(api: Api) -> None:
    headers = {"Content-Type": "application/json", "Authorization": "Bearer YOUR_JWT_TOKEN"}

    assert api.get("/tasker/handlers", headers=headers).status_code == 200


def test_tasker_007_namespaces_have_exactly_the_seeds_keys(api: Api) -> None:
    answer = api.get("/tasker/handlers")

    assert answer.status_code == 200
    assert set(answer.json()) == {"namespaces"}
    for item in answer.json()["namespaces"]:
        assert set(item) == {"name", "description", "handler_count", "handlers"}


def test_tasker_008_handlers_are_counted_and_named_once(api: Api) -> None:
    for item in _namespaces(api).values():
        assert item["handler_count"] == len(item["handlers"]) == len(set(item["handlers"]))
    assert _namespaces(api)["shelf"]["handlers"] == ["versioned"]


def test_tasker_009_the_seeds_three_namespaces_are_there(api: Api) -> None:
    found = _namespaces(api)

    assert found["payments"] == {
        "name": "payments",
        "description": "Payment processing workflows",
        "handler_count": 5,
        "handlers": [
            "process_payment",
            "refund_payment",
            "validate_card",
            "process_subscription",
            "cancel_subscription",
        ],
    }
    assert found["inventory"] == {
        "name": "inventory",
        "description": "Inventory management workflows",
        "handler_count": 3,
        "handlers": ["update_stock", "process_order", "check_availability"],
    }
    assert found["notifications"] == {
        "name": "notifications",
        "description": "Notification and messaging workflows",
        "handler_count": 4,
        "handlers": ["send_email", "send_sms", "push_notification", "alert_admin"],
    }


def test_tasker_010_the_handlers_of_a_namespace_have_the_seeds_keys(api: Api) -> None:
    answer = api.get("/tasker/handlers/payments").json()

    assert set(answer) == {"namespace", "handlers"}
    assert answer["namespace"] == "payments"
    for handler in answer["handlers"]:
        assert set(handler) == {
            "id",
            "namespace",
            "version",
            "description",
            "step_count",
            "step_names",
        }


def test_tasker_011_a_row_is_named_and_its_steps_are_in_definition_order(api: Api) -> None:
    row = api.get("/tasker/handlers/payments").json()["handlers"][0]

    assert row == {
        "id": "process_payment",
        "namespace": "payments",
        "version": "2.1.0",
        "description": "Process customer payment with validation and confirmation",
        "step_count": 4,
        "step_names": CHAIN,
    }


def test_tasker_012_every_handler_of_the_namespace_is_listed(api: Api) -> None:
    listed = [row["id"] for row in api.get("/tasker/handlers/payments").json()["handlers"]]

    assert listed == _namespaces(api)["payments"]["handlers"]


@pytest.mark.parametrize("namespace", ["unknown_namespace", "a%00b", "%F0%9F%98%80", "x" * 300])
@pytest.mark.parametrize("rest", ["", "/process_payment"])
def test_tasker_013_an_unknown_namespace_is_404(api: Api, namespace: str, rest: str) -> None:
    answer = api.get(f"/tasker/handlers/{namespace}{rest}")

    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "NAMESPACE_NOT_FOUND"


def test_tasker_014_a_handler_has_the_seeds_keys(api: Api) -> None:
    assert set(_payment(api)) == {
        "id",
        "namespace",
        "version",
        "description",
        "step_templates",
        "dependency_graph",
    }


def test_tasker_015_a_version_may_be_named_and_the_latest_is_semantic(api: Api) -> None:
    path = "/tasker/handlers/shelf/versioned"

    assert api.get(path).json()["version"] == "1.10.0"
    assert api.get(f"{path}?version=latest").json()["version"] == "1.10.0"
    assert api.get(f"{path}?version=1.9.0").json()["version"] == "1.9.0"
    assert api.get(f"{path}?version=2.0.0-rc.1").json()["version"] == "2.0.0-rc.1"
    row = api.get("/tasker/handlers/shelf").json()["handlers"][0]
    assert row["version"] == "1.10.0"


@pytest.mark.parametrize(
    ("path", "name", "version"),
    [
        ("process_payment?version=9.9.9", "process_payment", "9.9.9"),
        ("process_payment?version=x", "process_payment", "x"),
        ("unknown_handler", "unknown_handler", "latest"),
        ("unknown_handler?version=1.0.0", "unknown_handler", "1.0.0"),
    ],
)
def test_tasker_016_an_unknown_handler_or_version_is_404(
    api: Api, path: str, name: str, version: str
) -> None:
    answer = api.get(f"/tasker/handlers/payments/{path}")

    assert answer.status_code == 404
    assert answer.json() == {
        "error": {
            "type": "HandlerNotFound",
            "message": f"Handler '{name}' not found in namespace 'payments' version '{version}'",
            "code": "HANDLER_NOT_FOUND",
        }
    }


def test_tasker_017_the_seeds_handler_is_told_to_the_letter(api: Api) -> None:
    steps = _payment(api, "?version=2.1.0")["step_templates"]

    assert [set(step) for step in steps] == [STEP_KEYS] * 4
    assert steps[0] == {
        "name": "validate_payment",
        "description": "Validate payment details and customer information",
        "handler_class": "Payments::StepHandler::ValidatePaymentHandler",
        "depends_on_step": None,
        "default_retryable": False,
        "default_retry_limit": 0,
        "skippable": False,
        "custom_events": [],
    }
    assert steps[1] == {
        "name": "charge_card",
        "description": "Process payment through payment gateway",
        "handler_class": "Payments::StepHandler::ChargeCardHandler",
        "depends_on_step": "validate_payment",
        "default_retryable": True,
        "default_retry_limit": 3,
        "skippable": False,
        "custom_events": ["payment.gateway.charged"],
    }


def test_tasker_018_custom_events_are_names(api: Api) -> None:
    events = [step["custom_events"] for step in _payment(api)["step_templates"]]

    assert events == [[], ["payment.gateway.charged"], [], ["notification.email.sent"]]


def test_tasker_019_a_step_that_is_not_retried_still_runs_once(api: Api) -> None:
    body = {"name": "process_payment", "namespace": "payments", "context": {"payment_id": 123}}
    task = api.post("/tasker/tasks", json=body).json()

    api.finished(task["id"])

    steps = api.get(f"/tasker/tasks/{task['id']}").json()["steps"]
    assert (steps[0]["status"], steps[0]["attempts"]) == ("complete", 1)


def test_tasker_020_skippable_steps_are_told(api: Api) -> None:
    flags = [step["skippable"] for step in _payment(api)["step_templates"]]

    assert flags == [False, False, False, True]


def test_tasker_021_the_graph_names_nodes_edges_and_order(api: Api) -> None:
    assert _payment(api)["dependency_graph"] == {
        "nodes": CHAIN,
        "edges": [
            {"from": "validate_payment", "to": "charge_card"},
            {"from": "charge_card", "to": "update_order"},
            {"from": "update_order", "to": "send_confirmation"},
        ],
        "execution_order": CHAIN,
    }


def test_tasker_022_several_parents_give_one_edge_each(api: Api) -> None:
    handler = api.get("/tasker/handlers/shop/diamond?extended=true").json()

    graph = handler["dependency_graph"]
    assert {"from": "left", "to": "end"} in graph["edges"]
    assert {"from": "right", "to": "end"} in graph["edges"]
    order = graph["execution_order"]
    assert all(order.index(edge["from"]) < order.index(edge["to"]) for edge in graph["edges"])
    end = handler["step_templates"][3]
    assert end["depends_on_step"] == "left"
    assert end["depends_on_steps"] == ["left", "right"]


@pytest.mark.parametrize("path", ["", "/payments", "/payments/process_payment"])
def test_tasker_067_discovery_is_not_sent_again_to_who_has_it(api: Api, path: str) -> None:
    tag = api.get(f"/tasker/handlers{path}").headers["ETag"]

    again = api.get(f"/tasker/handlers{path}", headers={"If-None-Match": tag})

    assert again.status_code == 304
    assert again.content == b""
