"""One JavaScript context for one script: prelude, loading in all calling forms, running, errors.

Knows the engine and the JavaScript in `js/`; talks to the world through a `Host`.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from .confinement import peak_memory_bytes
from .source import SourceMap, split_thrown, syntax_place

_HOST_CALLS: Final = ("log", "progress", "fetch", "hash", "random", "load")
_NAMED_ENTRY: Final = (
    "typeof main === 'function' ? main : typeof handler === 'function' ? handler"
    " : typeof globalThis.process === 'function' ? process : undefined"
)
_MODULE_END: Final = (
    '\n;import * as $ratchetModule from "<input>"; globalThis.$ratchetModule = $ratchetModule;'
)
_MODULE_WORD: Final = re.compile(r"^[ \t]*(?:export|import)\b", re.MULTILINE)
#: Lets the description of an out-of-memory error be made after the error.
_SPARE_BYTES: Final = 8 << 20
#: Stack of the engine; the process's own is 8 MB by default.
_STACK_BYTES: Final = 4 << 20
#: `\\ud800` and the like in JSON: half a character, which UTF-8 cannot carry.
_LONE_SURROGATE: Final = re.compile(r"\\(u[dD][89a-fA-F][0-9a-fA-F]{2}|.)")


class Host(Protocol):
    """What scripts reach of the world; text in, text out, and never an exception."""

    def log(self, line: str) -> None: ...  # noqa: D102
    def progress(self, update: str) -> None: ...  # noqa: D102
    def fetch(self, request: str) -> str: ...  # noqa: D102
    def hash(self, arguments: str) -> str: ...  # noqa: D102
    def random(self, count: int) -> str: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Prelude:
    """What every script finds, read once in the zygote."""

    bridge: str  #: evaluated in each context
    fragments: dict[str, str]  #: each is evaluated when a script first uses a name of it
    last_line: int  #: of the longest, where the places of files begin

    @classmethod
    def read(cls, folder: Path) -> Prelude:
        """Read the files of `js/`."""
        sources = {path.stem: path.read_text("utf-8") for path in folder.glob("*.js")}
        names = "".join(f'{name}: globalThis["$ratchet_{name}"], ' for name in _HOST_CALLS)
        gone = "".join(f'delete globalThis["$ratchet_{name}"];' for name in _HOST_CALLS)
        host = f"const host = {{ {names}}}; {gone}"
        bridge = f'(function () {{ "use strict"; {host}\n{sources.pop("bridge")}}})()'
        fragments = {
            name: f'(function (host, shared) {{ "use strict";\n{source}}})'
            for name, source in sources.items()
        }
        longest = max(text.count("\n") for text in (bridge, *fragments.values()))
        return cls(bridge, fragments, longest + 2)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a script ended."""

    failed: bool  #: True if `text` describes an error
    text: str  #: JSON


class ScriptError(Exception):
    """A script that cannot be loaded, or threw while it was.

    Args:
        kind: name of the JavaScript class.
        message: what is wrong.
        place: file, line and column of what the engine could not parse; None for other errors.
        more: further fields of the description.
    """

    def __init__(
        self, kind: str, message: str, place: str | None = None, more: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.kind, self.message, self.place, self.more = kind, message, place, more or {}

    def described(self) -> dict[str, Any]:
        """Return the description that goes to the worker."""
        message = f"{self.message} ({self.place})" if self.place else self.message
        stack = [self.place] if self.place else []
        return {"names": [self.kind], "message": message, "stack": stack, **self.more}


class Engine:
    """A fresh context, good for one script.

    Args:
        module: the engine's extension module.
        prelude: what the script finds.
        host: what it reaches.
        base_bytes: memory of the process before its first script.
    """

    def __init__(self, module: Any, prelude: Prelude, host: Host, base_bytes: int) -> None:
        self._base_bytes = base_bytes
        self._errors: type[Exception] = module.JSException
        self._context = module.Context()
        self._context.set_max_stack_size(_STACK_BYTES)
        calls: dict[str, Callable[..., Any]] = {
            name: getattr(host, name) for name in _HOST_CALLS if name != "load"
        }
        calls["load"] = lambda name: self._context.eval(prelude.fragments[name])
        for name, call in calls.items():
            self._context.add_callable(f"$ratchet_{name}", call)
        self._bridge = self._context.eval(prelude.bridge)
        self._sources = SourceMap(prelude.last_line)

    def run(self, files: list[tuple[str, str]], data: str, memory_bytes: int) -> Outcome:
        """Run a script to its end.

        Args:
            files: (name, source); the last is the script, the others its prelude.
            data: JSON object with `input` and `context`.
            memory_bytes: limit of the context.
        """
        self._context.set_memory_limit(memory_bytes)
        try:
            self._load(files, data)
            self._settle()
            return self._outcome(memory_bytes)
        except ScriptError as error:
            failure = error
        except self._errors as error:
            failure = self._thrown(str(error), memory_bytes)
        return Outcome(failed=True, text=json.dumps(failure.described()))

    def close(self) -> None:
        """Free the context; a call of the host holds the engine, so it would not go by itself."""
        del self._bridge, self._context

    def check(self, files: list[tuple[str, str]]) -> list[str]:
        """Return what is wrong with the files' syntax, running none of them."""
        problems: list[str] = []
        for name, text in files:
            self._sources = SourceMap(1)
            script = self._syntax(self._context.eval, name, text, "throw null;")
            if script is None or self._syntax(self._context.eval, name, text, "throw 0,") is None:
                continue
            module = self._syntax(self._context.module, name, text, "throw null;")
            if module is not None and (name, text) == files[-1]:
                problems.append(module if _MODULE_WORD.search(text) else script)
            elif (name, text) != files[-1]:
                problems.append(script)
        return problems

    def _syntax(self, evaluate: Callable[[str], Any], name: str, text: str, no: str) -> str | None:
        try:
            evaluate(self._sources.place(name, text, no))
        except self._errors as error:
            if not str(error).startswith(("SyntaxError", "ReferenceError: could not load")):
                return None
            problem = self._unloadable(name, str(error))
            return f"{problem.place}: {problem.message}"
        except ValueError as error:
            return f"{name}:1: {_unreadable(error)}"
        return None

    def _load(self, files: list[tuple[str, str]], data: str) -> None:
        self._bridge("begin", self._context.parse_json(data))
        for name, text in files[:-1]:
            self._bridge("file")
            self._evaluate(name, text)
        self._bridge("file")
        name, text = files[-1]
        before = self._context.eval(_NAMED_ENTRY) if len(files) > 1 else None
        nothing = (
            f"{name} has nothing to call: end it with a function expression,"
            " or define main(input, context)"
        )
        try:
            completion = self._evaluate(name, text)
        except ScriptError as error:
            if error.place is None:
                raise
            self._load_otherwise(name, text, nothing, error)
            return
        named = self._context.eval(_NAMED_ENTRY)
        self._bridge("call", completion, named, nothing, before)

    def _load_otherwise(self, name: str, text: str, nothing: str, original: ScriptError) -> None:
        """Load what is no script: a bare function, or an ES module."""
        try:
            completion = self._evaluate(name, text, prefix="0,")
        except ScriptError as error:
            if error.place is None:
                raise
        else:
            self._bridge("call", completion, None, nothing)
            return
        try:
            module = self._context.module(self._sources.place(name, text + _MODULE_END))
        except self._errors as error:
            if _MODULE_WORD.search(text):
                raise self._unloadable(name, str(error)) from None
            raise original from None
        self._bridge("callModule", module, nothing)

    def _evaluate(self, name: str, text: str, prefix: str = "") -> Any:
        placed = self._sources.place(name, text, prefix)
        try:
            return self._context.eval(placed)
        except self._errors as error:
            if syntax_place(str(error)):
                raise self._unloadable(name, str(error)) from None
            raise
        except ValueError as error:
            raise ScriptError("SyntaxError", _unreadable(error), name) from None

    def _unloadable(self, name: str, engine_text: str) -> ScriptError:
        """Return the error of a script that the engine cannot parse or link."""
        kind, message, _ = split_thrown(engine_text)
        at = syntax_place(engine_text)
        place = None
        if at:
            place = self._sources.locate(at[0], at[1]) or self._sources.last_line(at[0])
        if kind == "ReferenceError":
            message += "; shared code of a script goes to lib/*.js beside it, without import"
        return ScriptError(kind, message, place or name)

    def _settle(self) -> None:
        """Run promises and timers until the script's value is known."""
        while True:
            while self._context.execute_pending_job():
                pass
            wait_ms = self._bridge("tick")
            if wait_ms == -1:
                return
            if wait_ms < 0:
                raise ScriptError(
                    "RuntimeError",
                    "the promise that the script returned never settles: no timer and no request"
                    " is left that could settle it",
                )
            if wait_ms > 0:
                time.sleep(wait_ms / 1000)

    def _outcome(self, memory_bytes: int) -> Outcome:
        if self._bridge("failed"):
            self._context.set_memory_limit(memory_bytes + _SPARE_BYTES)
        text = self._bridge("result")
        if not self._bridge("failed"):
            return Outcome(failed=False, text=_well_formed(text))
        return Outcome(failed=True, text=self._explained(json.loads(text), memory_bytes))

    def _thrown(self, engine_text: str, memory_bytes: int) -> ScriptError:
        """Return the error behind what the engine says about a throw that no bridge caught."""
        self._context.set_memory_limit(memory_bytes + _SPARE_BYTES)
        kind, message, stack = split_thrown(engine_text)
        known = self._bridge("recall", f"{kind}: {message}")
        described = (
            json.loads(known) if known else {"names": [kind], "message": message, "stack": stack}
        )
        described = json.loads(self._explained(described, memory_bytes))
        return ScriptError(described["names"][0], described["message"], more=described)

    def _is_out_of_memory(self, described: dict[str, Any], memory_bytes: int) -> bool:
        """Tell whether the engine had no memory; for its own error there may be none left.

        It throws null then. So does a script that says `throw null`, without having grown.
        """
        if described["names"][0] == "InternalError":
            return bool(described["message"] == "out of memory")
        is_null = (described["names"], described["message"]) == (["Error"], "null")
        grown = peak_memory_bytes() - self._base_bytes
        return is_null and not described["stack"] and grown > memory_bytes // 2

    def _explained(self, described: dict[str, Any], memory_bytes: int) -> str:
        """Return the description as JSON: stack in terms of files, limits in plain words."""
        described["stack"] = self._sources.stack(described["stack"])
        if self._is_out_of_memory(described, memory_bytes):
            described["names"] = ["MemoryLimitError"]
            described["message"] = (
                f"the script needs more than its {memory_bytes >> 20} MB of memory;"
                " memory_limit_mb in its handler_config raises the limit"
            )
        return json.dumps(described)


def _unreadable(error: ValueError) -> str:
    if isinstance(error, UnicodeError):
        return "the source is not valid UTF-8 text"
    return "the source holds a NUL character"


def _well_formed(text: str) -> str:
    """Replace lone surrogates, as the web does wherever text becomes bytes."""
    if "\\u" not in text:
        return text
    return _LONE_SURROGATE.sub(lambda found: found[0] if len(found[1]) == 1 else "\ufffd", text)
