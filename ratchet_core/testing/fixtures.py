"""The fixtures: a clock, a Ratchet, and a way to make one as a test wants it."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import orjson
import pytest

from ratchet_core.config import load_settings
from ratchet_core.errors import DefinitionError
from ratchet_core.hooks import GivenPlugin
from ratchet_core.runtime import Ratchet
from ratchet_core.sdk import (
    HttpClient,
    InputSource,
    OutputDestination,
    StepHandler,
    WebhookSource,
)
from ratchet_core.store.database import Database
from ratchet_core.store.upgrade import upgrade
from ratchet_core.testing.clock import Clock
from ratchet_core.testing.harness import Harness
from ratchet_core.testing.offer import (
    HANDED_IN,
    AnyDefinition,
    AnyPlugin,
    HandedIn,
    plugins_of,
    split_definitions,
)


class MakeRatchet(Protocol):
    """What the fixture `make_ratchet` is."""

    def __call__(
        self,
        plugins: Iterable[AnyPlugin] | Mapping[str, object] = (),
        *,
        handlers: Iterable[StepHandler] = (),
        destinations: Iterable[OutputDestination] = (),
        sources: Iterable[type[InputSource | WebhookSource]] = (),
        definitions: AnyDefinition | Iterable[AnyDefinition] = (),
        settings: Mapping[str, Any] | None = None,
        environ: Mapping[str, str] | None = None,
        http: HttpClient | None = None,
    ) -> Harness:
        """Make a Ratchet of its own, over a database of its own; it is closed with the test.

        Args:
            plugins: the only plugins that it loads: modules or objects with hooks, names or entry
                points of installed ones, or a mapping of names to objects with hooks. A plugin
                that cannot be loaded or registered fails the test with its reason.
            handlers: step handlers, without a plugin around them.
            destinations: kinds of output destinations, without a plugin around them.
            sources: kinds of input sources, without a plugin around them.
            definitions: workflows: values, texts of YAML, files or directories.
            settings: as in `ratchet.yaml`.
            environ: variables of the environment, for `RATCHET_*` and `${NAME}`.
            http: in place of the client that obeys the egress policy.

        Raises:
            ConfigurationError: the settings are wrong.
            PluginError: a plugin is.
            DefinitionError: a definition is.
        """
        ...


@pytest.fixture
def clock() -> Clock:
    """Give the clock that the database of this test goes by; it stands still."""
    return Clock()


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a database of today's schema, for every Ratchet to begin with a copy of it."""
    path = tmp_path_factory.mktemp("schema") / "ratchet.db"
    database = Database(f"sqlite:///{path}")
    upgrade(database)
    database.checkpoint_if_over(0)
    database.dispose()
    return path


@pytest.fixture
def make_ratchet(tmp_path: Path, clock: Clock, empty_database: Path) -> Iterator[MakeRatchet]:
    """Give a function that makes a Ratchet; see `MakeRatchet`."""
    with contextlib.ExitStack() as made:

        def make(
            plugins: Iterable[AnyPlugin] | Mapping[str, object] = (),
            *,
            handlers: Iterable[StepHandler] = (),
            destinations: Iterable[OutputDestination] = (),
            sources: Iterable[type[InputSource | WebhookSource]] = (),
            definitions: AnyDefinition | Iterable[AnyDefinition] = (),
            settings: Mapping[str, Any] | None = None,
            environ: Mapping[str, str] | None = None,
            http: HttpClient | None = None,
        ) -> Harness:
            folder = tmp_path / f"ratchet-{len(list(tmp_path.glob('ratchet-*')))}"
            values, places = split_definitions(definitions, folder / "definitions")
            handed_in = GivenPlugin(HANDED_IN, HandedIn(handlers, destinations, sources, values))
            runtime = Ratchet(
                _settings(folder, places, settings or {}, environ or {}, empty_database),
                environ,
                http=http,
                plugins=[*plugins_of(plugins), handed_in],
                now_us=clock.now_us,
            )
            harness = Harness(runtime, clock)
            made.callback(harness.close)
            _check(runtime)
            return harness

        yield make


@pytest.fixture
def ratchet_options() -> Mapping[str, Any]:
    """Give what `ratchet` is made with; override it in a `conftest.py`, a module or a class."""
    return {}


@pytest.fixture
def ratchet(make_ratchet: MakeRatchet, ratchet_options: Mapping[str, Any]) -> Harness:
    """Give a Ratchet that is made with `ratchet_options`."""
    return make_ratchet(**ratchet_options)


def _settings(
    folder: Path,
    places: Iterable[Path],
    given: Mapping[str, Any],
    environ: Mapping[str, str],
    empty_database: Path,
) -> Any:
    """Write `ratchet.yaml` and load it as every process does."""
    data_dir = folder / "data"
    data_dir.mkdir(parents=True)
    shutil.copy(empty_database, data_dir / "ratchet.db")
    file = folder / "ratchet.yaml"
    document = {**given, "plugins": {"strict": True, **given.get("plugins", {})}}
    file.write_bytes(orjson.dumps(document, default=str, option=orjson.OPT_INDENT_2))
    overrides: dict[str, object] = {"data_dir": data_dir}
    if paths := list(places):
        overrides["registry.paths"] = paths
    return load_settings(file, environ, overrides, directory=folder).settings


def _check(runtime: Ratchet) -> None:
    """Register everything now, so that what is wrong with it fails the test here."""
    runtime.prepare_database()
    runtime.inputs.check()
    runtime.check_destinations()
    offered = (runtime.destination_kinds, runtime.inputs.kinds)
    assert all(kinds is not None for kinds in offered)
    runtime.hooks.refuse_broken()
    loaded, _ = runtime.sync_definitions(on_change="replace")
    if loaded.problems:
        raise DefinitionError("\n".join(problem.message for problem in loaded.problems))
