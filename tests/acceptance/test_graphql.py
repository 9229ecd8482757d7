"""acceptance.md, Ratchet: GraphQL (seed 000, "GraphQL API")."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import Api
from tests.acceptance.programs import npm_install, run_node, run_python
from tests.acceptance.seed_graphql import EXECUTE, SUBSCRIBE, TASKS
from tests.servers import missing

#: npm packages of the clients, in versions that go together.
CLIENTS = ("graphql@16", "graphql-ws@5", "graphql-sse@2", "ws@8")

Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def ask(api: Api) -> Ask:
    """Give a function that sends an operation and returns its answer."""

    def send(query: str, **variables: Any) -> dict[str, Any]:
        answer = api.post("/graphql", json={"query": query, "variables": variables})
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    return send


@pytest.fixture(scope="session")
def node_clients(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with the npm clients."""
    folder = tmp_path_factory.mktemp("npm")
    npm_install(folder, *CLIENTS)
    return folder


def test_ratchet_050_operations_come_with_variables_and_a_name(api: Api) -> None:
    sent = {
        "query": "query A { handlers } query B($n: Int) { tasks(limit: $n) { items { id } } }",
        "variables": {"n": 2},
        "operationName": "B",
    }

    body = api.post("/graphql", json=sent).json()

    assert list(body) == ["data"]
    assert len(body["data"]["tasks"]["items"]) == 2


def test_ratchet_051_the_seeds_nested_query_has_data_and_no_errors(api: Api, ask: Ask) -> None:
    job = api.execute("echo", {"n": 1})
    api.finished(job["id"])

    body = ask(TASKS)

    assert "errors" not in body
    page = body["data"]["tasks"]
    assert 0 < len(page["items"]) <= 10 <= page["total"]
    assert list(page["items"][0]) == ["id", "name", "description", "version", "executions"]
    whole = ask(TASKS.replace("limit: 10", "limit: 1000"))["data"]["tasks"]["items"]
    found = next(item for item in whole if item["id"] == "echo")["executions"]["items"]
    assert 1 <= len(found) <= 5
    assert found[0]["status"] == "completed"
    assert found[0]["created_at"] <= found[0]["completed_at"]
    assert found[0]["created_at"].endswith("Z")


def test_ratchet_052_tasks_need_no_arguments(ask: Ask) -> None:
    body = ask("query { tasks { items { id name version } total } }")

    assert len(body["data"]["tasks"]["items"]) == min(50, body["data"]["tasks"]["total"])


def test_ratchet_053_a_task_is_executed_with_a_literal_object(api: Api, ask: Ask) -> None:
    body = ask(EXECUTE)

    job = body["data"]["executeTask"]["job"]
    assert list(job) == ["id", "status", "created_at"]
    assert api.finished(job["id"])["result"] == {"city": "London", "units": "metric"}


def test_ratchet_054_a_task_is_executed_with_a_variable(api: Api, ask: Ask) -> None:
    value = {"deep": [1, None, {"x": True}], "text": "é"}
    body = ask(
        'mutation($input: JSON) { executeTask(taskId: "echo", input: $input) { job { id } } }',
        input=value,
    )

    assert api.finished(body["data"]["executeTask"]["job"]["id"])["result"] == value


def test_ratchet_055_an_unknown_task_is_an_error_with_a_code(ask: Ask) -> None:
    body = ask('mutation { executeTask(taskId: "no-such-task") { job { id } } }')

    assert body["data"] == {"executeTask": None}
    assert body["errors"][0]["extensions"]["code"] == "TASK_NOT_FOUND"
    assert "no-such-task" in body["errors"][0]["message"]


def test_ratchet_056_a_job_is_followed_by_the_npm_client_graphql_ws(
    api: Api, stack: str, gate: Path, node_clients: Path
) -> None:
    job = api.execute("gated", {"gate": str(gate)})
    program = f"""
        const {{ createClient }} = require('graphql-ws');
        const fs = require('fs');
        const client = createClient({{
          url: {json.dumps(stack.replace("http", "ws") + "/graphql")},
          webSocketImpl: require('ws'),
        }});
        const seen = [];
        await new Promise((resolve, reject) => client.subscribe(
          {{ query: {json.dumps(SUBSCRIBE % job["id"])} }},
          {{
            next: (message) => {{
              seen.push(message.data.jobUpdates);
              if (seen.length === 1) fs.writeFileSync({json.dumps(str(gate))}, '');
            }},
            error: reject,
            complete: resolve,
          }}));
        await client.dispose();
        console.log(JSON.stringify(seen));
    """

    updates = json.loads(run_node(program, node_clients))

    check_updates(updates, job["id"])


@pytest.mark.parametrize("single", ["false", "true"])
def test_ratchet_057_progress_moves_and_the_last_update_has_the_result(
    api: Api, stack: str, gate: Path, node_clients: Path, single: str
) -> None:
    job = api.execute("gated", {"gate": str(gate)})
    program = f"""
        const {{ createClient }} = require('graphql-sse');
        const fs = require('fs');
        const client = createClient({{
          url: {json.dumps(stack + "/graphql")}, singleConnection: {single},
        }});
        const seen = [];
        for await (const message of client.iterate(
          {{ query: {json.dumps(SUBSCRIBE % job["id"])} }})) {{
          seen.push(message.data.jobUpdates);
          if (message.data.jobUpdates.progress >= 0.5) {{
            fs.writeFileSync({json.dumps(str(gate))}, '');
          }}
        }}
        client.dispose();
        console.log(JSON.stringify(seen));
    """

    updates = json.loads(run_node(program, node_clients))

    check_updates(updates, job["id"])
    assert 0.5 in [update["progress"] for update in updates]


def check_updates(updates: list[dict[str, Any]], job_id: str) -> None:
    assert [list(update) for update in updates] == [
        ["id", "status", "progress", "result", "error"]
    ] * len(updates)
    assert {update["id"] for update in updates} == {job_id}
    statuses = list(dict.fromkeys(update["status"] for update in updates))
    assert statuses in (["pending", "running", "completed"], ["running", "completed"])
    progress = [update["progress"] for update in updates]
    assert progress == sorted(progress)
    assert progress[-1] == 1.0
    assert updates[-1]["result"] == {"opened": True}
    assert {update["error"] for update in updates} == {None}


@pytest.mark.parametrize("protocol", ["graphql-transport-ws", "graphql-ws"])
def test_ratchet_058_a_finished_job_is_told_at_once_and_an_unknown_one_is_an_error(
    api: Api, stack: str, tmp_path: Path, protocol: str
) -> None:
    if importlib.util.find_spec("gql") is None:
        missing("gql in this environment", "pip install 'gql[websockets]'")
    job = api.execute("echo", {"n": 1})
    api.finished(job["id"])
    program = f"""
import json
from gql import Client, gql
from gql.transport.exceptions import TransportQueryError
from gql.transport.websockets import WebsocketsTransport

def updates(text):
    url = {stack.replace("http", "ws") + "/graphql"!r}
    transport = WebsocketsTransport(url=url, subprotocols=[{protocol!r}])
    return [item["jobUpdates"] for item in Client(transport=transport).subscribe(gql(text))]

seen = updates({SUBSCRIBE % job["id"]!r})
try:
    updates({SUBSCRIBE % "01980000-0000-7000-8000-000000000000"!r})
except TransportQueryError as error:
    print(json.dumps([seen, str(error)]))
"""

    seen, error = json.loads(run_python(program, tmp_path))

    assert seen == [
        {
            "id": job["id"],
            "status": "completed",
            "progress": 1.0,
            "result": {"n": 1},
            "error": None,
        }
    ]
    assert "JOB_NOT_FOUND" in error


def test_ratchet_059_the_older_client_follows_a_job_to_its_end(
    api: Api, stack: str, gate: Path, tmp_path: Path
) -> None:
    npm_install(tmp_path, "graphql@15", "subscriptions-transport-ws@0.11", "ws@7")
    job = api.execute("gated", {"gate": str(gate)})
    program = f"""
        const {{ SubscriptionClient }} = require('subscriptions-transport-ws');
        const fs = require('fs');
        const client = new SubscriptionClient(
          {json.dumps(stack.replace("http", "ws") + "/graphql")}, {{}}, require('ws'));
        const follow = (query, next) => new Promise((resolve, reject) => client.request(
          {{ query }}).subscribe({{ next, error: reject, complete: resolve }}));
        const seen = [];
        await follow({json.dumps(SUBSCRIBE % job["id"])}, (message) => {{
          seen.push(message.data.jobUpdates);
          if (seen.length === 1) fs.writeFileSync({json.dumps(str(gate))}, '');
        }});
        const refused = await follow(
          {json.dumps(SUBSCRIBE % "01980000-0000-7000-8000-000000000000")}, () => {{}}
        ).then(() => null, (error) => JSON.stringify(error));
        client.close();
        console.log(JSON.stringify([seen, refused]));
    """

    updates, refused = json.loads(run_node(program, tmp_path))

    check_updates(updates, job["id"])
    assert refused is not None


def test_ratchet_059_a_client_goes_on_by_its_cursor_after_the_socket_broke(
    api: Api, stack: str, gate: Path, node_clients: Path
) -> None:
    job = api.execute("gated", {"gate": str(gate)})
    query = """subscription($job: ID!, $after: String) {
      jobUpdates(jobId: $job, after: $after) { cursor status progress result }
    }"""
    program = f"""
        const {{ createClient }} = require('graphql-ws');
        const fs = require('fs');
        let socket, opened = 0;
        const client = createClient({{
          url: {json.dumps(stack.replace("http", "ws") + "/graphql")},
          webSocketImpl: require('ws'),
          on: {{ opened: (made) => {{ socket = made; opened += 1; }} }},
          retryAttempts: 5, retryWait: async () => {{}}, shouldRetry: () => true,
        }});
        const seen = [];
        const variables = {{ job: {json.dumps(job["id"])}, after: '0' }};
        await new Promise((resolve, reject) => client.subscribe(
          {{ query: {json.dumps(query)}, variables }},
          {{
            next: (message) => {{
              const update = message.data.jobUpdates;
              seen.push(update);
              variables.after = update.cursor;
              if (seen.length <= 2) socket.terminate();
              if (seen.length === 2) fs.writeFileSync({json.dumps(str(gate))}, '');
            }},
            error: reject,
            complete: resolve,
          }}));
        const whole = [];
        await new Promise((resolve, reject) => client.subscribe(
          {{ query: {json.dumps(query)}, variables: {{ ...variables, after: '0' }} }},
          {{ next: (one) => whole.push(one.data.jobUpdates), error: reject, complete: resolve }}));
        await client.dispose();
        console.log(JSON.stringify({{ seen, whole, opened }}));
    """

    told = json.loads(run_node(program, node_clients))

    assert told["opened"] >= 3
    assert told["seen"] == told["whole"]
    assert told["seen"][-1]["result"] == {"opened": True}


def test_ratchet_061_introspection_shows_snake_case_fields_and_camel_case_arguments(
    ask: Ask,
) -> None:
    body = ask("{ __schema { types { kind name fields { name args { name } } } } }")

    types = [
        kind
        for kind in body["data"]["__schema"]["types"]
        if kind["kind"] == "OBJECT" and not kind["name"].startswith("__")
    ]
    roots = {"Query", "Mutation", "Subscription"}
    fields = [field for kind in types if kind["name"] not in roots for field in kind["fields"]]
    assert all(field["name"] == field["name"].lower() for field in fields)
    arguments = [one["name"] for kind in types for field in kind["fields"] for one in field["args"]]
    assert not any("_" in name for name in arguments)
    assert {"taskId", "jobId", "idempotencyKey"} <= set(arguments)


def test_ratchet_062_nested_executions_are_complete_for_every_task(api: Api, ask: Ask) -> None:
    # that their number of statements is fixed is counted in tests/unit/api/graphql/test_batching.py
    for task in ("echo", "typed"):
        api.finished(api.execute(task, {"city": "Oslo"})["id"])

    whole = ask(TASKS.replace("limit: 10", "limit: 1000"))["data"]["tasks"]["items"]

    for task in ("echo", "typed"):
        alone = api.get(f"/api/v1/executions?task_id={task}&limit=5").json()["items"]
        nested = next(item for item in whole if item["id"] == task)["executions"]["items"]
        assert [item["id"] for item in nested] == [item["id"] for item in alone]
