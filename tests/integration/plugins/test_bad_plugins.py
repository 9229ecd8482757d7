"""`ratchet up` with plugins that do everything wrong: each is named, and the rest works."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.integration.plugins import bad_plugins as bad
from tests.processes import Running, environment, ratchet_up, running
from tests.servers import free_port
from tests.waiting import wait_for

#: Two stacks are shared by all tests of this page.
pytestmark = pytest.mark.xdist_group("bad-plugins")

#: Seconds that the plugins of these tests may take to load, and for a call.
LOAD_S, CALL_S = "2", "0.5"
OK = "(i) => ({ok: true})"
FAILING = "(i) => { throw new Error('of the script') }"


class Crowd:
    """A running `ratchet up` with good plugins and bad ones."""

    def __init__(self, up: Running, gates: Path, witness: Path) -> None:
        self.up = up
        self.gates = gates
        self._witness = witness

    def submit(self, name: str) -> requests.Response:
        """Ask for a run."""
        url = f"{self.up.base}/api/v1/tasks/{name}/execute"
        return requests.post(url, json={"input": {}}, timeout=40)

    def job(self, name: str) -> dict[str, Any]:
        """Return a run of a workflow, once it has ended."""
        answer = self.submit(name)
        assert answer.status_code == 202, answer.text
        return self.ended(answer.json()["job"]["id"])

    def ended(self, job_id: str) -> dict[str, Any]:
        """Return a run once it has ended."""
        url = f"{self.up.base}/api/v1/jobs/{job_id}"

        def look() -> dict[str, Any] | None:
            job: dict[str, Any] = requests.get(url, timeout=10).json()
            return job if job["status"] in {"completed", "failed"} else None

        return wait_for(look, f"job {job_id} to end")

    def plugins(self) -> dict[str, dict[str, Any]]:
        """Return what the API says of the plugins, by name."""
        found = requests.get(f"{self.up.base}/api/v1/plugins", timeout=30).json()
        folder = f"{self.gates.parent}/"
        return {item["name"].replace(folder, ""): item for item in found["items"]}

    def plugin(self, name: str) -> dict[str, Any]:
        """Return what the API says of one."""
        answer = requests.get(f"{self.up.base}/api/v1/plugins/{name}", timeout=30)
        found: dict[str, Any] = answer.json()
        return found

    def health(self) -> tuple[str, str]:
        """Return the status of the whole, and what is said about the plugins."""
        answer = requests.get(f"{self.up.base}/health/ready", timeout=10)
        assert answer.status_code == 200
        return answer.json()["status"], answer.json()["checks"]["plugins"]["message"]

    def is_named(self, name: str) -> bool:
        """Tell whether health names a plugin."""
        words = self.health()[1].replace(",", " ").replace(";", " ").split()
        return name in words

    def events(self) -> list[str]:
        """Return the events that a good plugin was told of."""
        return self._witness.read_text(encoding="utf-8").splitlines()

    def free(self, name: str) -> None:
        """Let the blocked calls of a plugin end."""
        (self.gates / name).touch()


def crowd_of(folder: Path, *scripts: tuple[str, str]) -> tuple[Path, dict[str, str]]:
    """Make the folders; return that of the plugins, and the variables."""
    definitions = folder / "definitions"
    definitions.mkdir(parents=True)
    (folder / "gates").mkdir()
    for name, script in (("fine", OK), *scripts):
        (definitions / f"{name}.js").write_text(script, encoding="utf-8")
    plugins = folder / "plugins"
    bad.write_witness(plugins, folder / "witness")
    (folder / "witness").touch()
    return plugins, {
        "RATCHET_PLUGINS_DIRECTORY": str(plugins),
        "RATCHET_PATH": str(definitions),
        "RATCHET_WORKER_COUNT": "2",
        "RATCHET_PLUGINS_LOAD_BUDGET_S": LOAD_S,
        "RATCHET_PLUGINS_CALL_BUDGET_S": CALL_S,
    }


@pytest.fixture(scope="module")
def starts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crowd]:
    """Give one whose bad plugins fail at import and at registration."""
    folder = tmp_path_factory.mktemp("starts")
    plugins, variables = crowd_of(folder)
    bad.write_starts(plugins)
    with ratchet_up(folder, **variables) as up:
        yield Crowd(up, folder / "gates", folder / "witness")


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crowd]:
    """Give one whose bad plugins fail in the hooks of a run's life."""
    folder = tmp_path_factory.mktemp("live")
    names = [f"{hook}-{fault}".replace("_", "-") for hook in bad.LIVE for fault in bad.BODIES]
    scripts = [(name, FAILING if name.startswith("decide-retry") else OK) for name in names]
    plugins, variables = crowd_of(folder, *scripts)
    for hook in bad.LIVE:
        for fault in bad.BODIES:
            bad.write_live(plugins, folder / "gates", hook, fault)
    with ratchet_up(folder, **variables) as up:
        yield Crowd(up, folder / "gates", folder / "witness")


def test_the_rest_works_beside_plugins_that_cannot_be_loaded(starts: Crowd) -> None:
    job = starts.job("fine")

    assert job["status"] == "completed"
    status, message = starts.health()
    assert status == "degraded"
    assert "import-raises" in message
    states = {name: item["state"] for name, item in starts.plugins().items()}
    assert states["witness"] == states["http"] == states["javascript"] == "active"
    assert {name for name, state in states.items() if state != "active"} == set(bad.REASONS)
    log = starts.up.text()
    assert "plugin 'import-raises': it cannot be loaded: OSError: no luck" in log
    assert "Traceback" not in log


@pytest.mark.parametrize("name", bad.REASONS)
def test_a_plugin_that_cannot_be_loaded_or_registered_is_quarantined(
    starts: Crowd, name: str
) -> None:
    found = starts.plugins()[name]

    assert found["state"] == "quarantined"
    assert bad.REASONS[name] in found["reason"]
    assert starts.is_named(name.split(maxsplit=1)[0])


@pytest.mark.parametrize("fault", ["raises", "leaves"])
@pytest.mark.parametrize("hook", bad.LIVE)
def test_one_that_raises_in_a_hook_is_named_until_a_call_goes_well(
    live: Crowd, hook: str, fault: str
) -> None:
    name = f"{hook}-{fault}".replace("_", "-")
    kind = {"raises": "OSError: no luck", "leaves": "SystemExit: 3"}[fault]

    if hook == "before_submit":
        answer = live.submit(name)
        assert (answer.status_code, answer.json()["error"]["code"]) == (500, "PLUGIN_ERROR")
        assert "Traceback" not in answer.text
    else:
        job = live.job(name)
        fails = hook in {"before_attempt", "decide_retry"}
        assert job["status"] == ("failed" if fails else "completed")
        if hook == "before_attempt":
            assert name in str(job["error"])
    found = wait_for(lambda: (p := live.plugin(name))["errors"] and p, "the error to be told")
    assert found["state"] == "active"
    assert found["last_error"] == f"ratchet_{hook} raised {kind}"
    if hook != "on_event":  # the next event may have gone well already
        assert f"ratchet_{hook} raised {kind}" in found["reason"]
        assert live.is_named(name)
        assert live.health()[0] == "degraded"

    def goes_well() -> bool:
        # a call counts for the process that it is made in, and either worker may take the job
        assert live.job("fine")["status"] == "completed"
        return live.plugin(name)["reason"] is None

    if hook == "decide_retry":  # nothing fails that it would be asked about
        assert live.job("fine")["status"] == "completed"
    else:
        wait_for(goes_well, "a call that goes well")
        assert not live.is_named(name)


@pytest.mark.parametrize("hook", bad.ANSWERING)
def test_an_answer_that_is_none_is_counted_and_left_out(live: Crowd, hook: str) -> None:
    name = f"{hook}-junk".replace("_", "-")

    job = live.job(name)

    assert job["status"] == ("failed" if hook == "decide_retry" else "completed")
    junk = f"ratchet_{hook} answered with int, which is no answer"
    wait_for(lambda: live.plugin(name)["last_error"] == junk, "it to be told")
    assert live.plugin(name)["state"] == "active"


@pytest.mark.parametrize("hook", bad.LIVE)
def test_one_that_blocks_is_skipped_until_its_call_has_ended(live: Crowd, hook: str) -> None:
    name = f"{hook}-blocks".replace("_", "-")
    answers: list[requests.Response] = []
    caller = threading.Thread(target=lambda: answers.append(live.submit(name)))
    caller.start()

    found = wait_for(
        # the process itself knows it a moment before all are told
        lambda: (p := live.plugin(name))["state"] == "quarantined" and p["quarantined_in"] and p,
        "its quarantine",
    )
    assert f"a call of ratchet_{hook} has been running for over {CALL_S} s" in found["reason"]
    assert live.is_named(name)
    [place] = found["quarantined_in"]
    assert " on " in place["place"]
    assert live.job("fine")["status"] == "completed"
    live.free(name)

    caller.join(30)
    assert answers[0].status_code == 202
    job = live.ended(answers[0].json()["job"]["id"])
    assert job["status"] == ("failed" if hook == "decide_retry" else "completed")
    wait_for(lambda: live.plugin(name)["state"] == "active", "its recovery")
    assert live.plugin(name)["overruns"] == 1
    told = [f"plugin.quarantined {name}", f"plugin.recovered {name}"]
    wait_for(lambda: [line for line in live.events() if line in told] == told, "its events")


@pytest.mark.parametrize("hook", bad.LIVE)
def test_one_that_leaks_threads_is_quarantined_for_good(live: Crowd, hook: str) -> None:
    name = f"{hook}-leaks".replace("_", "-")

    assert live.submit(name).status_code == 202

    found = wait_for(
        lambda: (p := live.plugin(name))["state"] == "quarantined" and p, "its quarantine"
    )
    assert "it has left 60 threads running" in found["reason"]
    assert live.job("fine")["status"] == "completed"


def test_an_authenticator_that_cannot_be_loaded_refuses_the_start(tmp_path: Path) -> None:
    plugins, variables = crowd_of(tmp_path / "here")
    text = "@hookimpl\ndef ratchet_register_authenticators():\n    raise OSError('no luck')\n"
    (plugins / "guard.py").write_text(bad.HEAD + text, encoding="utf-8")
    variables |= {
        "RATCHET_AUTH_AUTHENTICATION_ENABLED": "true",
        "RATCHET_AUTH_AUTHENTICATORS": "jwt",
        "RATCHET_PLUGIN_JWT__SECRET": "0123456789" * 5,
        "RATCHET_SERVER_PORT": str(free_port()),
    }

    with running(["serve"], tmp_path, environment(tmp_path, **variables)) as started:
        assert started.process.wait(50) != 0
        assert "plugin 'guard' is quarantined" in started.text()
        assert "OSError: no luck" in started.text()
        assert "Traceback" not in started.text()


def test_strict_refuses_the_start_and_names_the_plugin(tmp_path: Path) -> None:
    plugins, variables = crowd_of(tmp_path / "here")
    (plugins / "broken.py").write_text("raise OSError('no luck')", encoding="utf-8")
    variables |= {"RATCHET_PLUGINS_STRICT": "true", "RATCHET_SERVER_PORT": str(free_port())}

    with running(["serve"], tmp_path, environment(tmp_path, **variables)) as started:
        assert started.process.wait(50) == 3
        assert "plugin 'broken' is quarantined: it cannot be loaded: OSError" in started.text()
