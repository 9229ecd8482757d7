"""acceptance.md, Tasker: the examples of seed 002, unchanged but for the host."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import yaml

from tests.acceptance.conftest import Api
from tests.acceptance.programs import hosted, run_node, run_shell, snippet

FOREIGN = "https://your-app.com"


def _client(api: Api) -> str:
    """Return the class of the seed's example, and one made of it."""
    declared = snippet("javascript/tasker-client.js").partition("// Usage")[0]
    return f"{declared}\nconst tasker = new TaskerClient('{api.base}/tasker', 'YOUR_JWT_TOKEN');\n"


def test_tasker_058_the_five_curl_commands_run_in_order(api: Api, tmp_path: Path) -> None:
    text = hosted("curl/discovery.sh", FOREIGN, api.base)
    commands = [part for part in text.split("\n\n") if part.strip()]
    assert len(commands) == 5

    answers = [json.loads(run_shell(command, tmp_path, TOKEN="any")) for command in commands[:4]]
    watch = commands[4].replace("TASK_ID", answers[3]["id"])
    api.finished(answers[3]["id"])
    answers.append(json.loads(run_shell(watch, tmp_path, TOKEN="any")))

    assert "payments" in [item["name"] for item in answers[0]["namespaces"]]
    assert answers[1]["namespace"] == "payments"
    assert answers[2]["version"] == "2.1.0"
    assert answers[3]["context"] == {"payment_id": 123}
    assert answers[4]["dependencies"]["completed_steps"] == [
        "validate_payment",
        "charge_card",
        "update_order",
        "send_confirmation",
    ]


def test_tasker_059_each_method_of_the_client_does_what_it_says(
    api: Api, node_packages: Path
) -> None:
    printed = run_node(
        _client(api)
        + """
        const task = await tasker.createTask('order', 'shop', '1.0.0', { gate: '/dev/null' });
        const latest = await tasker.getHandlerDetails('shelf', 'versioned');
        const old = await tasker.getHandlerDetails('shelf', 'versioned', '1.9.0');
        const plain = await tasker.getTask(task.id);
        const whole = await tasker.getTask(task.id, true);
        console.log(JSON.stringify({
          namespaces: (await tasker.getNamespaces()).length,
          handlers: (await tasker.getHandlers('payments')).length,
          versions: [latest.version, old.version],
          name: task.full_name,
          plain: 'dependencies' in plain,
          whole: 'dependencies' in whole,
          isPublic: typeof tasker.client.get,
        }));
        """,
        node_packages,
    )

    told = json.loads(printed)
    assert told["namespaces"] >= 3
    assert told["handlers"] == 5
    assert told["versions"] == ["1.10.0", "1.9.0"]
    assert told["name"] == "shop.order@1.0.0"
    assert (told["plain"], told["whole"], told["isPublic"]) == (False, True, "function")


def test_tasker_060_the_whole_example_runs_as_it_stands(api: Api, node_packages: Path) -> None:
    source = hosted("javascript/tasker-client.js", FOREIGN, api.base)

    printed = run_node(f"{source}\nconsole.log(JSON.stringify(task));", node_packages)

    task = json.loads(printed)
    assert task["full_name"] == "payments.process_payment@2.1.0"
    assert task["context"] == {"payment_id": 123}


def test_tasker_061_the_ci_check_passes_and_fails_with_22(api: Api, tmp_path: Path) -> None:
    step = yaml.safe_load(hosted("ci/validate-handlers.yaml", FOREIGN, api.base))[0]

    run_shell(step["run"], tmp_path, TASKER_TOKEN="any")

    missing = step["run"].replace("2.1.0", "9.9.9")
    result = subprocess.run(["bash", "-c", missing], capture_output=True, check=False)
    assert result.returncode == 22


def test_tasker_062_the_dashboard_counts_pending_tasks(api: Api, node_packages: Path) -> None:
    api.post("/tasker/tasks", json={"name": "parked", "namespace": "waiting", "context": {}})
    source = snippet("javascript/dashboard.js")

    printed = run_node(
        _client(api)
        + "const sendMetrics = async metrics => console.log(JSON.stringify(metrics));\n"
        + source
        + "\nawait monitorTasks();",
        node_packages,
    )

    told = json.loads(printed)
    assert told["pending_tasks"] >= 1
    assert told["namespaces"] >= 1


def test_tasker_063_a_hundred_parallel_reads_all_succeed(api: Api, node_packages: Path) -> None:
    source = snippet("javascript/load-test.js")

    printed = run_node(f"{_client(api)}\n{source}\nawait loadTestHandlers();", node_packages)

    assert printed.strip() == "100/100 requests successful"
