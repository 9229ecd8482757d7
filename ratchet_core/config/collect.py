"""Collecting what file, environment and overrides say, and building the settings from it.

Which file is read is `load`'s affair; what a single value must look like, `coerce`'s.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar, get_type_hints

from ratchet_core.config import database_url, plugin_variable
from ratchet_core.config.catalogue import OTHER_VARIABLES, Entry, entries
from ratchet_core.config.checks import find_problems
from ratchet_core.config.coerce import (
    Check,
    as_any_text,
    as_boolean,
    as_mapping,
    expected,
    integer,
    number,
)
from ratchet_core.config.destination import SHIPPED_KINDS
from ratchet_core.config.inert import INERT_KEYS, InertKey
from ratchet_core.config.place import Place, Value, nearest
from ratchet_core.config.plugin_variable import is_plugin_variable
from ratchet_core.config.setting import METADATA_KEY
from ratchet_core.config.settings import Settings, default_database_url
from ratchet_core.errors import ConfigurationError

T = TypeVar("T")


@dataclasses.dataclass(frozen=True, slots=True)
class SettingWarning:
    """Something that was accepted and that its writer should know about."""

    place: Place
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


@dataclasses.dataclass(frozen=True, slots=True)
class Collected:
    """What all sources together say."""

    settings: Settings
    warnings: tuple[SettingWarning, ...]
    places: Mapping[str, Place]  #: of each setting that is not a default


class Collector:
    """Collects what the sources say; later ones replace earlier ones."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._found: dict[str, object] = {}
        self._places: dict[str, Place] = {}
        self._warnings: list[SettingWarning] = []
        self._problems: list[str] = []
        self._by_key = {key: entry for entry in entries() for key in entry.setting.keys}
        self._inert = {inert.key: inert for inert in INERT_KEYS}
        self._sections = _sections([*self._by_key, *self._inert])

    # ── the file ─────────────────────────────────────────────────────────────────────────────
    def take_file(self, document: Value) -> None:
        """Take every key of the file; null means "not given"."""
        spelled: dict[str, str] = {}
        for key, value in self._leaves(document, ""):
            entry = self._by_key.get(key)
            if value.content is None and (entry or self._inert[key].expects != "mapping"):
                continue
            if entry is None:
                self._take_inert(self._inert[key], value)
            elif entry.path in spelled:
                self._problems.append(
                    str(value.place.refuse(f"says the same as '{spelled[entry.path]}': use one")),
                )
            else:
                spelled[entry.path] = key
                self._take(entry, value)

    def _leaves(self, section: Value, prefix: str) -> Iterator[tuple[str, Value]]:
        """Yield what stands at known keys; note unknown ones and sections that are none."""
        if section.content is None:
            return
        if not isinstance(section.content, dict):
            self._problems.append(str(expected("a mapping", section)))
            return
        for name, value in section.content.items():
            key = f"{prefix}{name}"
            if key in self._by_key or key in self._inert:
                yield key, value
            elif key in self._sections:
                yield from self._leaves(value, f"{key}.")
            else:
                self._problems.append(str(value.place.refuse(self._unknown(key, prefix))))

    def _unknown(self, key: str, prefix: str) -> str:
        name = key.removeprefix(prefix)
        known = [*self._by_key, *self._inert, *self._sections]
        siblings = {k.removeprefix(prefix).split(".")[0] for k in known if k.startswith(prefix)}
        if hint := nearest(name, siblings):
            return f"unknown key{hint}"
        elsewhere = [k for k in known if k.rsplit(".", maxsplit=1)[-1] == name]
        hint = f"; did you mean '{min(elsewhere, key=len)}'?" if elsewhere else nearest(key, known)
        return f"unknown key{hint}" if hint else f"unknown key; known are {_list(siblings)}"

    # ── the environment ──────────────────────────────────────────────────────────────────────
    def take_environment(self, environ: Mapping[str, str]) -> None:
        """Take every variable that is a setting; an empty one counts as unset."""
        known = {name for entry in entries() for name in entry.env}
        for entry in entries():
            for name in entry.env:
                if environ.get(name, "").strip():
                    value = self._variable(name, environ[name], entry.path)
                    self._take(entry, dataclasses.replace(value, is_hidden=entry.setting.secret))
                    break
        for inert in INERT_KEYS:
            known.update(inert.env)
            for name in inert.env:
                if environ.get(name, "").strip():
                    self._take_inert(inert, self._variable(name, environ[name], inert.key))
        self._take_plugin_variables(environ)
        for name in sorted(environ):
            is_known = name in known or name in OTHER_VARIABLES
            if name.startswith("RATCHET_") and not (is_known or is_plugin_variable(name)):
                self._note_unknown_variable(name, known)

    @staticmethod
    def _variable(name: str, text: str, key: str) -> Value:
        place = Place(f"environment variable {name}", key)
        return Value(text, place, is_untyped=True)

    def _note_unknown_variable(self, name: str, known: set[str]) -> None:
        message = f"no setting is called so{nearest(name, {*known, *OTHER_VARIABLES})}"
        if name.startswith(plugin_variable.PREFIX):
            message = "settings of plugins are written RATCHET_PLUGIN_<NAME>__<KEY>"
        place = Place(f"environment variable {name}", "")
        self._warnings.append(SettingWarning(place, message))

    def _take_plugin_variables(self, environ: Mapping[str, str]) -> None:
        current = self._found.get(plugin_variable.PATH, {})
        assert isinstance(current, Mapping)  # noqa: S101 - what the check of this entry returns
        merged = {name: dict(given) for name, given in current.items()}
        variables = list(plugin_variable.find_plugin_variables(environ))
        for variable in variables:
            try:
                plugin_variable.merge(merged, variable)
            except ConfigurationError as error:
                self._problems.append(error.message)
        if variables:
            given = self._places.get(plugin_variable.PATH)
            source = "environment" if given is None else f"{given.source} and environment"
            self._found[plugin_variable.PATH] = merged
            self._places[plugin_variable.PATH] = Place(source, plugin_variable.PATH)

    # ── explicit overrides ───────────────────────────────────────────────────────────────────
    def take_overrides(self, overrides: Mapping[str, object]) -> None:
        """Take what was said on the command line."""
        by_path = {entry.path: entry for entry in entries()}
        for key, given in overrides.items():
            if given is None:
                continue
            entry = by_path.get(key) or self._by_key.get(key)
            place = Place("override", key)
            if entry is None:
                hint = nearest(key, [*by_path, *self._by_key])
                self._problems.append(str(place.refuse(f"unknown setting{hint}")))
                continue
            value = _value_of(given, place)
            self._take(entry, dataclasses.replace(value, is_hidden=entry.setting.secret))

    # ── one value ────────────────────────────────────────────────────────────────────────────
    def _take(self, entry: Entry, value: Value) -> None:
        try:
            found = entry.check(value)
            if entry.path == "database.url":
                found = self._read_database_url(found, value.place)
            if entry.path == "database.url" and found is None:
                return
        except ConfigurationError as error:
            self._problems.append(error.message)
            return
        self._found[entry.path] = found
        self._places[entry.path] = value.place
        if entry.no_effect:
            self._warn_no_effect(value.place, entry.no_effect)
        self._warn_inside(entry, value)

    def _read_database_url(self, url: str, place: Place) -> str | None:
        """Return the URL as SQLAlchemy reads it; None where it is in memory."""
        if not database_url.is_in_memory(url):
            return database_url.normalise(url, self._directory, place)
        message = (
            "a database in memory cannot be shared by processes; the file ratchet.db in the data"
            " directory is used instead, and keeps its contents"
        )
        self._warnings.append(SettingWarning(place, message))
        self._found.pop("database.url", None)
        self._places.pop("database.url", None)
        return None

    def _take_inert(self, inert: InertKey, value: Value) -> None:
        try:
            _INERT_CHECKS[inert.expects](value)
        except ConfigurationError as error:
            self._problems.append(error.message)
            return
        self._warn_no_effect(value.place, inert.why)

    def _warn_no_effect(self, place: Place, why: str) -> None:
        self._warnings.append(SettingWarning(place, f"accepted, no effect: {why}"))

    def _warn_inside(self, entry: Entry, value: Value) -> None:
        """Warn about what has no effect inside blocks that only a file can hold."""
        items = value.content if isinstance(value.content, list) else []
        for item in items:
            if entry.path == "registry.sources":
                self._warn_about_source(item)
            if entry.path == "output.global_destinations":
                kind = as_mapping(as_mapping(item)["destination"])["type"]
                if kind.content not in SHIPPED_KINDS:
                    self._warn_no_effect(
                        kind.place, f"unless a plugin adds the destination type '{kind.content}'"
                    )

    def _warn_about_source(self, item: Value) -> None:
        content = as_mapping(item)
        for key, why in (
            ("polling_interval", "all sources are polled by `registry.default_polling_interval`"),
            ("auth_name", "only definitions in files are loaded"),
        ):
            if key in content:
                self._warn_no_effect(content[key].place, why)
        sources = self._found["registry.sources"]
        assert isinstance(sources, tuple)  # noqa: S101 - what the check of this entry returns
        name = content["name"].content
        if any(source.name == name and source.kind != "filesystem" for source in sources):
            self._warn_no_effect(content["uri"].place, "only definitions in files are loaded")

    # ── the result ───────────────────────────────────────────────────────────────────────────
    def finish(self) -> Collected:
        """Build the settings; refuse with every problem that was found, one a line."""
        self._refuse_problems()
        data_dir = self._found.get("data_dir", Settings().data_dir)
        assert isinstance(data_dir, Path)  # noqa: S101 - what the check of this entry returns
        self._found.setdefault("database.url", default_database_url(self._directory / data_dir))
        settings = build(Settings, self._found)
        for problem in find_problems(settings, self._places):
            place = self._places.get(problem.path, Place("settings", problem.path))
            self._problems.append(str(place.refuse(problem.message)))
        self._refuse_problems()
        return Collected(settings, tuple(self._warnings), dict(self._places))

    def _refuse_problems(self) -> None:
        if self._problems:
            raise ConfigurationError("\n".join(self._problems))


_INERT_CHECKS: Final[Mapping[str, Check]] = {
    "text": as_any_text,
    "integer": integer(),
    "number": number(),
    "boolean": as_boolean,
    "mapping": as_mapping,
    "anything": lambda value: value,
}


def build(group: type[T], found: Mapping[str, object], prefix: str = "") -> T:
    """Make a settings group from values by path; what is missing takes its default."""
    hints = get_type_hints(group)
    arguments: dict[str, Any] = {}
    for field in dataclasses.fields(group):  # type: ignore[arg-type]
        path = f"{prefix}{field.name}"
        if METADATA_KEY not in field.metadata:
            arguments[field.name] = build(hints[field.name], found, f"{path}.")
        elif path in found:
            arguments[field.name] = found[path]
    return group(**arguments)


def _sections(keys: list[str]) -> frozenset[str]:
    return frozenset(
        ".".join(parts[:end])
        for parts in (key.split(".") for key in keys)
        for end in range(1, len(parts))
    )


def _list(names: set[str]) -> str:
    return ", ".join(sorted(names))


def _value_of(given: object, place: Place) -> Value:
    """Give a Python value its place; texts are read as the environment's are."""
    if isinstance(given, list | tuple):
        items = [_value_of(item, place.under(f"[{i}]")) for i, item in enumerate(given)]
        return Value(items, place)
    if isinstance(given, Mapping):
        return Value({str(k): _value_of(v, place.under(str(k))) for k, v in given.items()}, place)
    if isinstance(given, bool | int | float) or given is None:
        return Value(given, place)
    return Value(str(given), place, is_untyped=True)
