"""acceptance.md, Ratchet: the snippets of seed 000 for clients, unchanged but for the host."""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml

from tests.acceptance.conftest import Api
from tests.acceptance.programs import hosted, run, run_node, run_python, run_shell, snippet, tool

LOCAL = "http://localhost:8080"
FOREIGN = "https://ratchet.example.com"


def test_ratchet_003_the_curl_command_with_a_token_is_served(api: Api, tmp_path: Path) -> None:
    printed = run_shell(hosted("curl/authentication.sh", LOCAL, api.base), tmp_path)

    assert json.loads(printed)["total"] > 0


def test_ratchet_063_the_typescript_client_executes_a_task(api: Api, node_packages: Path) -> None:
    source = hosted("typescript/client.ts", LOCAL, api.base)
    (node_packages / "client.ts").write_text(source, encoding="utf-8")

    printed = run_node(
        """
        const ts = require('typescript');
        const source = require('fs').readFileSync('client.ts', 'utf8');
        const plain = ts.transpileModule(source, {compilerOptions: {target: 'ES2022'}}).outputText;
        const [execute, query] = new Function(plain + '; return [executeTask, queryTasks];')();
        const { job } = await execute('weather-api', { city: 'London' });
        const { data } = await query();
        console.log(JSON.stringify({ job: job.id, total: data.tasks.total }));
        """,
        node_packages,
    )

    told = json.loads(printed)
    assert api.finished(told["job"])["result"]["city"] == "London"
    assert told["total"] == api.get("/api/v1/tasks?limit=1").json()["total"]


def test_ratchet_063_the_typescript_client_fits_the_strict_compiler(node_packages: Path) -> None:
    (node_packages / "client.ts").write_text(snippet("typescript/client.ts"), encoding="utf-8")

    compiler = str(node_packages / "node_modules" / ".bin" / "tsc")
    run([compiler, "--strict", "--noEmit", "--target", "es2022", "client.ts"], node_packages)


def test_ratchet_064_the_python_client_runs_as_it_stands(api: Api, tmp_path: Path) -> None:
    printed = run_python(hosted("python/client.py", LOCAL, api.base), tmp_path)

    found = re.search(r"'id': '([0-9a-f-]{36})'", printed)
    assert found is not None, printed
    assert api.finished(found[1])["input"] == {"city": "Paris"}


def test_ratchet_064_the_python_client_lists_jobs_and_raises(api: Api, tmp_path: Path) -> None:
    text = hosted("python/client.py", LOCAL, api.base)
    text += """
assert len(client.list_jobs()["items"]) <= 10
assert all(j["status"] == "completed" for j in client.list_jobs("completed", 5)["items"])
for bad in (lambda: client.list_jobs("done"), lambda: client.execute_task("nope", {})):
    try:
        bad()
    except requests.HTTPError as error:
        print(error.response.status_code)
"""

    printed = run_python(text, tmp_path)

    assert printed.split()[-2:] == ["400", "404"]


def test_ratchet_065_the_go_client_compiles_and_decodes(api: Api, tmp_path: Path) -> None:
    go = tool("go", "golang-go")
    source = snippet("go/client.go")
    source += f"""
func main() {{
    client := NewRatchetClient("{api.base}")
    result, err := client.ExecuteTask("echo", map[string]interface{{}}{{"a": 1}})
    if err != nil {{ panic(err) }}
    fmt.Println(result["job"].(map[string]interface{{}})["id"])
}}
"""
    (tmp_path / "main.go").write_text(source, encoding="utf-8")

    printed = run([go, "run", "main.go"], tmp_path, GOCACHE=str(tmp_path / "cache"))

    assert api.finished(printed.strip())["result"] == {"a": 1}


def test_ratchet_066_a_minute_of_its_requests_at_once_meets_no_limit(
    api: Api, tmp_path: Path
) -> None:
    printed = run_node(
        f"""
        {snippet("javascript/rate-limiting.js")}
        const client = new RateLimitedClient('{api.base}');
        const path = '/api/v1/tasks/echo/execute';
        const asked = [];
        for (let i = 0; i < 30; i++) {{
            asked.push(client.request('GET', '/api/v1/jobs?limit=1'));
            asked.push(client.request('POST', path, {{ input: {{ i }} }}));
        }}
        const statuses = (await Promise.all(asked)).map((response) => response.status);
        console.log(JSON.stringify([statuses.length, [...new Set(statuses)].sort()]));
        """,
        tmp_path,
    )

    assert json.loads(printed) == [60, [200, 202]]


def test_ratchet_067_the_error_sample_meets_a_404(api: Api, tmp_path: Path) -> None:
    printed = run_node(
        f"""
        const ratchetClient = {{ async executeTask(taskId, input) {{
            const response = await fetch(`{api.base}/api/v1/tasks/${{taskId}}/execute`, {{
                method: 'POST',
                headers: {{ 'Content-Type': 'application/json' }},
                body: JSON.stringify({{ input }}),
            }});
            const body = await response.json();
            if (response.ok) return body;
            throw Object.assign(new Error(body.error.message), {{
                status: response.status, retryAfter: body.error.retryAfter,
            }});
        }} }};
        const taskId = 'no-such-task', input = {{}};
        console.error = console.log;
        {snippet("javascript/error-handling.js").replace("return retry()", "throw error")}
        """,
        tmp_path,
    )

    assert printed.strip() == "Task no-such-task not found"


def test_ratchet_068_the_pagination_sample_walks_all_jobs(api: Api, node_packages: Path) -> None:
    for _ in range(3):
        api.execute("waiting.parked")
    source = snippet("javascript/pagination.js")

    printed = run_node(
        f"""
        const axios = require('axios');
        {source}
        const client = axios.create({{baseURL: '{api.base}'}});
        const ids = [];
        for await (const job of getAllJobs(client)) ids.push(job.id);
        console.log(JSON.stringify([ids.length, new Set(ids).size]));
        """,
        node_packages,
    )

    walked, different = json.loads(printed)
    assert walked == different >= 3


def test_ratchet_088_the_github_actions_step_succeeds(api: Api, tmp_path: Path) -> None:
    workflow = yaml.safe_load(hosted("ci/github-actions.yaml", FOREIGN, api.base))
    step = workflow["jobs"]["execute-task"]["steps"][0]
    command = step["run"].replace("${{ secrets.RATCHET_TOKEN }}", "any-token")

    printed = run_shell(command, tmp_path)

    job = api.finished(json.loads(printed)["job"]["id"])
    assert job["input"]["environment"] == "production"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", job["input"]["date"])


def test_ratchet_089_what_jenkins_sends_is_answered_with_a_job(api: Api) -> None:
    script = snippet("ci/jenkins.groovy")
    sent = re.search(r'requestBody: """(.*?)"""', script, re.DOTALL)
    assert sent is not None
    body = sent[1].replace("${env.BUILD_NUMBER}", "17").replace("${env.BRANCH_NAME}", "main")

    answer = api.post(
        "/api/v1/tasks/build-report/execute",
        data=body.encode(),
        headers={"Content-Type": "application/json; charset=UTF-8", "Authorization": "Bearer x"},
    )

    job = answer.json()["job"]
    assert job["id"]
    assert job["input"] == {"build_number": "17", "branch": "main"}
