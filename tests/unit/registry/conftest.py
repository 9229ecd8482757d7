"""Loads files that a test writes, through the front door of the room."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any, Protocol

import pytest

from ratchet_core.domain.workflow import WorkflowDefinition
from ratchet_core.registry.found import DefinitionProblem, Loaded
from ratchet_core.registry.handlers import HandlerTable
from ratchet_core.registry.loader import load_definitions
from ratchet_core.registry.python_code import PythonCode
from ratchet_core.sdk import StepContext, StepHandler


class JavaScriptStandIn(StepHandler):
    """Knows the kind `javascript`, as the plugin would; checks what the plugin would check."""

    name = "javascript"

    def process(self, context: StepContext) -> Any:
        return context.config["script"]

    def check(self, config: Mapping[str, Any], files: Mapping[str, str]) -> list[str]:
        script = config.get("script")
        return [] if script in files else [f"there is no script {script!r}"]


class NoOperation(StepHandler):
    """Knows the kind `noop`."""

    name = "noop"

    def process(self, context: StepContext) -> Any:
        return context.input


class Load(Protocol):
    """Writes files and loads their directory."""

    def __call__(
        self,
        files: Mapping[str, str | bytes],
        environment: str = "development",
        **environ: str,
    ) -> Loaded: ...


@pytest.fixture
def write(tmp_path: Path) -> Callable[[Mapping[str, str | bytes]], Path]:
    def write_files(files: Mapping[str, str | bytes]) -> Path:
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return tmp_path

    return write_files


@pytest.fixture
def python_code(tmp_path: Path) -> Iterator[PythonCode]:
    code = PythonCode([tmp_path])
    yield code
    code.release()


@pytest.fixture
def load(write: Callable[[Mapping[str, str | bytes]], Path], python_code: PythonCode) -> Load:
    def load_files(
        files: Mapping[str, str | bytes], environment: str = "development", **environ: str
    ) -> Loaded:
        root = write(files)
        python_code.load()
        table = HandlerTable([JavaScriptStandIn(), NoOperation()], python_code)
        return load_definitions([root], environment, environ, table)

    return load_files


MINIMAL = """\
name: small
step_templates:
  - name: only
    handler_class: noop
"""


def only(loaded: Loaded) -> WorkflowDefinition:
    assert [problem.message for problem in loaded.problems] == []
    (found,) = loaded.definitions
    return found.definition


def problem_of(load: Load, text: str, **environ: str) -> DefinitionProblem:
    loaded = load({"flow.yaml": dedent(text)}, **environ)
    assert loaded.definitions == ()
    (problem,) = loaded.problems
    assert problem.file.endswith("flow.yaml")
    return problem
