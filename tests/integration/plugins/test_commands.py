"""`ratchet plugins …` as processes, and what `GET /api/v1/plugins` shows of the same plugins."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import orjson
import pytest
import requests

from tests.integration.plugins.installed_plugin import VERSION, as_file, install
from tests.processes import RATCHET, Running, environment, ratchet_up
from tests.waiting import wait_for


class Command:
    """Runs `ratchet` in a folder, beside an installed plugin and the files of ./plugins."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.variables = {
            "PYTHONPATH": str(install(folder / "site")),
            "RATCHET_PLUGINS_DIRECTORY": str(folder / "plugins"),
        }

    def write(self, name: str, text: str) -> None:
        """Write a plugin of one file."""
        (self.folder / "plugins").mkdir(exist_ok=True)
        (self.folder / "plugins" / f"{name}.py").write_text(text, encoding="utf-8")

    def __call__(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run one command to its end."""
        return subprocess.run(
            [RATCHET, *arguments],
            cwd=self.folder,
            env=environment(self.folder, **self.variables, **variables),
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )

    def document(self, *arguments: str, **variables: str) -> Any:
        """Return the JSON document of a command that goes well."""
        ended = self(*arguments, "--json", **variables)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return orjson.loads(ended.stdout)

    def states(self, **variables: str) -> dict[str, tuple[str, str]]:
        """Return the states of the plugins, and the reasons for them."""
        found = self.document("plugins", "list", **variables)["plugins"]
        return {item["name"]: (item["state"], item["reason"]) for item in found}


@pytest.fixture
def ratchet(tmp_path: Path) -> Command:
    return Command(tmp_path)


@pytest.fixture
def beside_a_broken_one(ratchet: Command) -> Command:
    ratchet.write("broken", "raise OSError('no luck')")
    return ratchet


def test_list_shows_version_state_reason_and_what_is_offered(beside_a_broken_one: Command) -> None:
    listed = beside_a_broken_one.document("plugins", "list")["plugins"]

    found = {item["name"]: item for item in listed}
    demo, broken = found["demo"], found["broken"]
    assert (demo["distribution"], demo["version"]) == ("ratchet-demo", VERSION)
    assert (demo["state"], demo["reason"], demo["errors"]) == ("active", "", 0)
    assert set(demo["provides"]) >= {"step handler greet", "command greet"}
    assert "ratchet_register_step_handlers" in demo["hooks"]
    assert demo["settings"] == ["greeting"]
    assert broken["state"] == "quarantined"
    assert broken["reason"] == "it cannot be loaded: OSError: no luck"
    assert {"http", "javascript", "webhook"} <= set(found)


def test_without_a_command_it_is_the_list_as_a_table(beside_a_broken_one: Command) -> None:
    table = beside_a_broken_one("plugins", COLUMNS="300")

    assert table.returncode == 0
    for text in ("demo", VERSION, "active", "step handler greet", "quarantined", "no luck"):
        assert text in table.stdout


def test_info_shows_one_as_json(ratchet: Command) -> None:
    shown = ratchet.document("plugins", "info", "demo")

    assert (shown["name"], shown["version"]) == ("demo", VERSION)


def test_info_shows_one_as_text(ratchet: Command) -> None:
    text = ratchet("plugins", "info", "demo")

    assert text.returncode == 0
    assert "step handler greet" in text.stdout


@pytest.mark.parametrize("command", ["info", "check", "disable", "enable"])
def test_a_name_that_is_not_installed_is_refused_with_3(ratchet: Command, command: str) -> None:
    ended = ratchet("plugins", command, "nobody")

    assert ended.returncode == 3
    assert "no plugin 'nobody' is installed; there are:" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_check_names_everything_that_is_wrong_and_ends_with_3(ratchet: Command) -> None:
    ratchet.write("broken", "raise OSError('no luck')")
    ratchet.write(
        "greedy",
        "import click\nfrom ratchet_core.sdk import *\n@hookimpl\n"
        "def ratchet_register_commands(): return [click.Command('serve')]\n",
    )

    ended = ratchet("plugins", "check", "--json", RATCHET_PLUGIN_NOBODY__KEY="1")

    assert ended.returncode == 3
    problems = orjson.loads(ended.stdout)["problems"]
    assert len(problems) == 3
    assert "plugin 'broken': it cannot be loaded: OSError: no luck" in problems
    assert any("the command 'serve' is one of Ratchet's own" in item for item in problems)
    assert "plugins.settings.nobody: no plugin of that name is installed" in problems
    assert not (ratchet.folder / "data" / "ratchet.db").exists()


def test_check_ends_with_0_where_all_is_in_order(beside_a_broken_one: Command) -> None:
    ended = beside_a_broken_one("plugins", "check", "demo")

    assert (ended.returncode, ended.stdout) == (0, "1 plugins are in order: demo\n")


@pytest.fixture
def switched_off(ratchet: Command) -> Command:
    assert ratchet.document("plugins", "disable", "demo") == {"name": "demo", "switch": "off"}
    return ratchet


def test_a_command_of_a_plugin_is_there(ratchet: Command) -> None:
    assert ratchet("greet").stdout == "hello\n"


def test_disable_switches_a_plugin_off_for_what_starts_from_then_on(switched_off: Command) -> None:
    off = "switched off by `ratchet plugins disable demo`"

    assert switched_off.states()["demo"] == ("disabled", off)


def test_the_commands_of_a_plugin_that_is_off_are_gone(switched_off: Command) -> None:
    assert switched_off("greet").returncode == 2


@pytest.fixture
def switched_on(switched_off: Command) -> Command:
    assert switched_off.document("plugins", "enable", "demo") == {"name": "demo", "switch": "on"}
    return switched_off


def test_enable_switches_it_on_again(switched_on: Command) -> None:
    assert switched_on.states()["demo"] == ("active", "")


def test_enable_says_where_nothing_was_off(ratchet: Command) -> None:
    ended = ratchet("plugins", "enable", "demo")

    assert ended.returncode == 0
    assert "was not switched off" in ended.stdout


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"RATCHET_PLUGINS_DENY": "demo,mine"}, "switched off by `plugins.deny`"),
        ({"RATCHET_PLUGINS_ALLOW": "http"}, "not among those of `plugins.allow`"),
        ({"RATCHET_PLUGINS_SAFE_MODE": "true"}, "safe mode loads only plugins that come"),
    ],
)
def test_lists_and_safe_mode_keep_plugins_from_being_imported(
    ratchet: Command, variables: dict[str, str], reason: str
) -> None:
    ratchet.write("mine", f"open({str(ratchet.folder / 'imported')!r}, 'w').close()")

    states = ratchet.states(**variables)

    for name in ("demo", "mine"):
        assert states[name][0] == "disabled"
        assert reason in states[name][1]
    assert states["http"][0] == "active"
    assert not (ratchet.folder / "imported").exists()


@pytest.mark.parametrize(
    ("variable", "value", "problem"),
    [
        ("RATCHET_PLUGIN_DEMO__LIMIT", "s3cret", "plugins.settings.demo.limit:"),
        ("RATCHET_PLUGIN_DEMO__LIMIT", "0", "plugins.settings.demo.limit:"),
        ("RATCHET_PLUGIN_DEMO__LIMTI", "5", "plugins.settings.demo: Additional properties"),
    ],
)
def test_settings_that_the_schema_refuses_quarantine_the_plugin_and_show_no_value(
    ratchet: Command, variable: str, value: str, problem: str
) -> None:
    ended = ratchet("plugins", "check", "demo", **{variable: value})

    assert ended.returncode == 3
    assert f"plugin 'demo': {problem}" in ended.stdout
    assert "s3cret" not in ended.stdout + ended.stderr


@pytest.fixture
def written(ratchet: Command) -> list[str]:
    files: list[str] = ratchet.document("plugins", "new", "orders")["files"]
    return files


def test_new_writes_a_plugin_that_is_in_order(ratchet: Command, written: list[str]) -> None:
    assert "ratchet-orders/pyproject.toml" in [file.removeprefix("./") for file in written]
    metadata = ratchet.folder / "site" / "ratchet_orders-1.0.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Name: ratchet-orders\nVersion: 1.0.0\n", encoding="utf-8")
    points = "[ratchet]\norders = ratchet_orders\n"
    (metadata / "entry_points.txt").write_text(points, encoding="utf-8")
    source = ratchet.folder / "ratchet-orders" / "src" / "ratchet_orders"
    source.rename(ratchet.folder / "site" / "ratchet_orders")

    assert ratchet("plugins", "check", "orders").returncode == 0


def test_new_overwrites_nothing_and_refuses_what_is_no_name(
    ratchet: Command, written: list[str]
) -> None:
    assert ratchet("plugins", "new", "orders").returncode == 3
    assert ratchet("plugins", "new", "no name").returncode == 2


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Running]:
    """Give a `ratchet up` beside a plugins folder, with settings in a file and outside."""
    as_file(tmp_path / "plugins")
    (tmp_path / "ratchet.yaml").write_text(
        "plugins: {settings: {demo: {limit: 5, key: s3cret-of-file}}}", encoding="utf-8"
    )
    variables = {"RATCHET_PLUGIN_DEMO__NESTED__DEEP": "on", "RATCHET_PLUGIN_DEMO__LIMIT": "7"}
    with ratchet_up(tmp_path, **variables, RATCHET_WORKER_COUNT="1") as started:
        yield started


def test_a_file_in_the_folder_beside_up_is_a_plugin_with_settings_and_figures(
    up: Running, tmp_path: Path
) -> None:
    def get(path: str) -> Any:
        return requests.get(f"{up.base}{path}", timeout=20).json()

    url = f"{up.base}/api/v1/tasks/demo.greet/execute"
    job_id = requests.post(url, json={"input": {}}, timeout=20).json()["job"]["id"]
    done = wait_for(
        lambda: (j := get(f"/api/v1/jobs/{job_id}"))["status"] == "completed" and j, "the job"
    )
    found = wait_for(
        lambda: (p := get("/api/v1/plugins/demo"))["calls"] > 4 and p, "its calls to be told"
    )
    missing = requests.get(f"{up.base}/api/v1/plugins/nobody", timeout=20)

    assert done["result"] == {
        "greeting": "hello",
        "limit": 7,
        "nested": {"deep": "on"},
        "key": "s3cret-of-file",
    }
    file = tmp_path / "plugins" / "demo.py"
    assert (found["version"], found["distribution"]) == ("4.5.6", str(file))
    assert (found["state"], found["reason"], found["last_error"]) == ("active", None, None)
    assert found["settings"] == ["greeting", "key", "limit", "nested"]
    assert "s3cret" not in str(found)
    assert "ratchet_on_event" in found["hooks"]
    assert "step handler greet" in found["provides"]
    assert found["time_spent_ms"] > 0
    assert (found["errors"], found["overruns"]) == (0, 0)
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "PLUGIN_NOT_FOUND")
    told = get("/api/v1/plugins")["items"]
    health = get("/health/ready")["checks"]["plugins"]
    assert health == {"status": "ok", "message": "ok"}, [item["reason"] for item in told]


def test_plugins_are_asked_what_they_offer_while_the_server_starts_threads_for_others(
    up: Running,
) -> None:
    """Whoever looks at plugins first has them register; none is blamed for others' threads."""
    with ThreadPoolExecutor(10) as pool:
        shown = pool.submit(requests.get, f"{up.base}/api/v1/plugins", timeout=40)
        while not shown.done():
            others = [
                pool.submit(requests.get, f"{up.base}/health/live", timeout=40) for _ in range(9)
            ]
            wait(others)

    states = {
        item["name"]: (item["state"], item["reason"]) for item in shown.result().json()["items"]
    }
    assert states["jwt"] == ("active", None)
    assert set(states.values()) == {("active", None)}
