"""Clients that the real openapi-generator makes of our documents compile and drive the server."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.acceptance.programs import hosted, npm_install, run, run_python, tool

LOCAL = "http://localhost:8080"
GENERATOR_TIMEOUT_S = 150

PYTHON_RATCHET = """
import sys
sys.path.insert(0, {client!r})
import openapi_client as generated

with generated.ApiClient(generated.Configuration(host={base!r})) as client:
    api = generated.RatchetApi(client)
    body = generated.ExecuteBody(input={{"a": 1}})
    job = api.execute_task("echo", execute_body=body, wait=20).job
    shown = api.get_job(job.id)
    page = api.list_jobs(status="completed", limit=1)
    assert page.total >= len(page.items) == 1
    assert api.list_executions(job_id=job.id).items[0].job_id == job.id
    try:
        api.get_task("no-such-task")
    except generated.exceptions.NotFoundException as error:
        print(error.status, generated.Problem.from_json(error.body).error.code)
    print(shown.status, shown.result, [step.status for step in shown.steps])
"""

PYTHON_TASKER = """
import sys
sys.path.insert(0, {client!r})
import openapi_client as generated

with generated.ApiClient(generated.Configuration(host={base!r})) as client:
    api = generated.TaskerApi(client)
    body = generated.CreateTaskBody(
        name="process_payment", namespace="payments", version="2.1.0", context={{"payment_id": 1}}
    )
    task = api.create_task(body)
    shown = api.get_tasker_task(task.id, include_dependencies=True)
    assert api.list_tasker_tasks(namespace="payments", per_page=1).pagination.total_count >= 1
    handler = api.get_handler_with_dependencies("payments", "process_payment")
    print(handler.version, len(handler.dependency_graph.edges), len(shown.steps))
"""

TYPESCRIPT_RATCHET = """
import {{ Configuration, RatchetApi }} from './client';

async function main(): Promise<void> {{
  const api = new RatchetApi(new Configuration({{ basePath: '{base}' }}));
  const made = await api.executeTask('echo', 20, undefined, {{ input: {{ a: 1 }} }});
  const shown = (await api.getJob(made.data.job.id)).data;
  const total: number = (await api.listJobs(1)).data.total;
  console.log(JSON.stringify([shown.status, shown.result, shown.steps.length, total > 0]));
}}
main().catch((error) => {{ console.error(error); process.exit(1); }});
"""

TYPESCRIPT_TASKER = """
import {{ Configuration, TaskerApi }} from './client';

async function main(): Promise<void> {{
  const api = new TaskerApi(new Configuration({{ basePath: '{base}' }}));
  const made = await api.createTask({{
    name: 'process_payment', namespace: 'payments', version: '2.1.0', context: {{ payment_id: 1 }},
  }});
  const shown = (await api.getTaskerTask(made.data.id)).data;
  const spaces: string[] = (await api.listNamespaces()).data.namespaces.map((one) => one.name);
  console.log(JSON.stringify([shown.full_name, spaces.includes('payments')]));
}}
main().catch((error) => {{ console.error(error); process.exit(1); }});
"""


@pytest.fixture(scope="session")
def generated(stack: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with four clients, those of `/openapi.yaml` made by the published commands."""
    tool("java", "default-jre-headless")
    generator = tool("openapi-generator-cli", "a JRE; pip install openapi-generator-cli")
    folder = tmp_path_factory.mktemp("generated")
    (folder / "openapi-generator").symlink_to(generator)
    path = os.pathsep.join([str(folder), os.environ["PATH"]])
    commands = hosted("curl/openapi.sh", LOCAL, stack)
    run(["bash", "-euc", commands], folder, timeout_s=GENERATOR_TIMEOUT_S, PATH=path)
    run([tool("curl"), "-sfo", "tasker.json", f"{stack}/tasker/api-docs.json"], folder)
    for language in ("python", "typescript-axios"):
        out = f"tasker-{language}"
        command = [generator, "generate", "-i", "tasker.json", "-g", language, "-o", out]
        run(command, folder, timeout_s=GENERATOR_TIMEOUT_S)
    return folder


@pytest.fixture(scope="session")
def typescript(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with what generated TypeScript needs."""
    folder = tmp_path_factory.mktemp("typescript")
    npm_install(folder, "axios@1", "typescript@5", "@types/node@22")
    return folder


def run_typescript(source: str, client: Path, packages: Path) -> str:
    """Compile a program beside a generated client, strictly, and run it."""
    link = packages / "client"
    link.unlink(missing_ok=True)
    link.symlink_to(client)
    (packages / "program.ts").write_text(source, encoding="utf-8")
    options = ["--strict", "--target", "es2022", "--module", "commonjs", "--skipLibCheck"]
    compiler = str(packages / "node_modules" / ".bin" / "tsc")
    files = ["--preserveSymlinks", "--rootDir", ".", "--outDir", "compiled", "program.ts"]
    run([compiler, *options, *files], packages)
    return run([tool("node", "nodejs"), "compiled/program.js"], packages)


def test_ratchet_101_the_generated_python_client_drives_the_server(
    stack: str, generated: Path, tmp_path: Path
) -> None:
    client = str(generated / "ratchet-python-client")

    printed = run_python(PYTHON_RATCHET.format(base=stack, client=client), tmp_path)

    assert printed.splitlines() == ["404 TASK_NOT_FOUND", "completed {'a': 1} ['completed']"]


def test_tasker_057_the_generated_python_client_drives_the_mount(
    stack: str, generated: Path, tmp_path: Path
) -> None:
    client = str(generated / "tasker-python")

    printed = run_python(PYTHON_TASKER.format(base=stack, client=client), tmp_path)

    assert printed.split() == ["2.1.0", "3", "4"]


def test_ratchet_101_the_generated_typescript_client_compiles_and_drives_the_server(
    stack: str, generated: Path, typescript: Path
) -> None:
    source = TYPESCRIPT_RATCHET.format(base=stack)

    printed = run_typescript(source, generated / "ratchet-ts-client", typescript)

    assert json.loads(printed) == ["completed", {"a": 1}, 1, True]


def test_tasker_057_the_generated_typescript_client_compiles_and_drives_the_mount(
    stack: str, generated: Path, typescript: Path
) -> None:
    source = TYPESCRIPT_TASKER.format(base=stack)

    printed = run_typescript(source, generated / "tasker-typescript-axios", typescript)

    assert json.loads(printed) == ["payments.process_payment@2.1.0", True]


@pytest.mark.parametrize("name", ["ratchet-python-client", "tasker-python"])
def test_ratchet_101_every_module_of_a_generated_client_imports(
    generated: Path, name: str, tmp_path: Path
) -> None:
    program = f"""
import importlib, pkgutil, sys
sys.path.insert(0, {str(generated / name)!r})
import openapi_client
found = list(pkgutil.walk_packages(openapi_client.__path__, "openapi_client."))
for module in found:
    importlib.import_module(module.name)
print(len(found))
"""

    assert int(run_python(program, tmp_path)) > 10
