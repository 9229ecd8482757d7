"""acceptance.md, Ratchet: the playground in a browser (seed 000, "GraphQL Playground")."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tests.acceptance.conftest import Api
from tests.acceptance.locked import Locked
from tests.acceptance.programs import npm_install, run_node, tool
from tests.acceptance.seed_graphql import EXECUTE, SUBSCRIBE, TASKS


def test_ratchet_060_the_playground_runs_the_seeds_operations_in_a_browser(
    api: Api, stack: str, gate: Path, tmp_path: Path
) -> None:
    browser = shutil.which("chromium-browser") or tool("chromium")
    npm_install(tmp_path, "playwright-core@1")
    job = api.execute("gated", {"gate": str(gate)})
    program = PLAYGROUND.format(
        browser=json.dumps(browser),
        base=json.dumps(stack),
        gate=json.dumps(str(gate)),
        tasks=json.dumps(TASKS.replace("limit: 10", "limit: 2")),
        execute=json.dumps(EXECUTE),
        follow=json.dumps(SUBSCRIBE % job["id"]),
    )

    seen = json.loads(run_node(program, tmp_path))

    assert '"total"' in seen["tasks"]
    assert '"created_at"' in seen["execute"]
    assert '"running"' in seen["before"]
    assert '"opened": true' in seen["after"]
    assert seen["foreign"] == []
    assert seen["problems"] == []


#: Opens the playground once per operation, presses its button and reads what it shows.
PLAYGROUND = """
const {{ chromium }} = require('playwright-core');
const fs = require('fs');
const base = {base};
const browser = await chromium.launch({{ executablePath: {browser}, args: ['--no-sandbox'] }});
const page = await browser.newPage({{ viewport: {{ width: 1400, height: 2000 }} }});
const foreign = [], problems = [];
page.on('request', (request) => {{
  const url = request.url();
  if (!url.startsWith(base) && !url.startsWith('data:')) foreign.push(url);
}});
page.on('console', (line) => {{
  if (['error', 'warning'].includes(line.type())) problems.push(line.text());
}});
page.on('pageerror', (error) => problems.push(String(error)));
const shown = page.locator('.result-window');
async function run(query, sign) {{
  await page.goto(base + '/graphql/playground?query=' + encodeURIComponent(query));
  await page.locator('.graphiql-execute-button').click();
  await shown.getByText(sign).first().waitFor();
  return shown.innerText();
}}
const tasks = await run({tasks}, '"total"');
const execute = await run({execute}, '"created_at"');
const before = await run({follow}, '"running"');
fs.writeFileSync({gate}, '');
await shown.getByText('"opened"').first().waitFor();
const after = await shown.innerText();
await browser.close();
console.log(JSON.stringify({{ tasks, execute, before, after, foreign, problems }}));
"""


def test_ratchet_060_the_playground_sends_the_token_over_http_and_websocket(
    locked: Locked, admin: str, gate: Path, tmp_path: Path
) -> None:
    browser = shutil.which("chromium-browser") or tool("chromium")
    npm_install(tmp_path, "playwright-core@1")
    made = locked.call(
        "POST", "/api/v1/tasks/gated/execute", admin, json={"input": {"gate": str(gate)}}
    )
    follow = SUBSCRIBE % made.json()["job"]["id"]
    program = WITH_TOKEN.format(
        browser=json.dumps(browser),
        base=json.dumps(locked.base),
        gate=json.dumps(str(gate)),
        token=json.dumps(admin),
        tasks=json.dumps(TASKS.replace("limit: 10", "limit: 2")),
        follow=json.dumps(follow),
    )

    seen = json.loads(run_node(program, tmp_path))

    assert "AUTHENTICATION_FAILED" in seen["without"]
    assert '"total"' in seen["tasks"]
    assert '"opened": true' in seen["after"]
    assert seen["foreign"] == []
    assert seen["stored"] == 0


#: Runs the seed's query without a token, then with one, and follows a job with it.
WITH_TOKEN = """
const {{ chromium }} = require('playwright-core');
const fs = require('fs');
const base = {base};
const browser = await chromium.launch({{ executablePath: {browser}, args: ['--no-sandbox'] }});
const page = await browser.newPage({{ viewport: {{ width: 1400, height: 2000 }} }});
const foreign = [];
page.on('request', (request) => {{
  const url = request.url();
  if (!url.startsWith(base) && !url.startsWith('data:')) foreign.push(url);
}});
const shown = page.locator('.result-window');
async function run(query, token, sign) {{
  await page.goto(base + '/graphql/playground?query=' + encodeURIComponent(query));
  if (token) await page.locator('#token').fill(token);
  await page.locator('.graphiql-execute-button').click();
  await shown.getByText(sign).first().waitFor();
  return shown.innerText();
}}
const without = await run({tasks}, '', 'AUTHENTICATION_FAILED');
const tasks = await run({tasks}, {token}, '"total"');
await run({follow}, {token}, '"running"');
fs.writeFileSync({gate}, '');
await shown.getByText('"opened"').first().waitFor();
const after = await shown.innerText();
const stored = await page.evaluate(() => window.localStorage.length + document.cookie.length);
await browser.close();
console.log(JSON.stringify({{ without, tasks, after, foreign, stored }}));
"""


def test_ratchet_060_the_playground_is_html_that_loads_nothing_from_elsewhere(api: Api) -> None:
    answer = api.get("/graphql/playground")

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe-eval" not in policy
    assert "://" not in answer.text.replace(api.base, "")
    for name in ("graphiql.min.js", "graphiql.min.css", "react.production.min.js"):
        assert api.get(f"/graphql/playground/{name}").status_code == 200
    assert api.get("/graphql/playground/vendor.json").status_code == 404
