"""Which code performs a step: registered names, declared names, dotted paths.

A name that a plugin registers comes first, then one that a module in `RATCHET_PATH` declares, then
a dotted path `module.Class`. Each handler is made once per process. Nothing here reads a
definition, so a worker uses it as it is.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from ratchet_core.errors import DefinitionError
from ratchet_core.registry.fields import nearest
from ratchet_core.registry.found import DefinitionProblem, OfferedDefinition
from ratchet_core.registry.python_code import PythonCode
from ratchet_core.sdk.context import StepContext
from ratchet_core.sdk.handler import FunctionHandler, StepHandler


class HandlerLookup(Protocol):
    """Finds step handlers by the name that a definition uses."""

    def resolve(self, name: str) -> StepHandler:
        """Return the step handler of that name or dotted path.

        Raises:
            DefinitionError: there is none; with the nearest known name.
        """
        ...

    def names(self) -> Sequence[str]:
        """Return the known names, sorted; dotted paths are not among them."""
        ...

    @property
    def problems(self) -> Sequence[DefinitionProblem]:
        """Return what was wrong with the code that was looked through."""
        ...

    @property
    def offered(self) -> Sequence[OfferedDefinition]:
        """Return the workflows that the code defines itself."""
        ...


class HandlerTable:
    """The step handlers of this process; safe to share between threads.

    Args:
        registered: handlers that plugins offer, alone or by their names.
        code: the Python code of `RATCHET_PATH`, already loaded; None where there is none.
    """

    def __init__(
        self,
        registered: Mapping[str, StepHandler] | Iterable[StepHandler] = (),
        code: PythonCode | None = None,
    ) -> None:
        self._lock = threading.RLock()
        self._known: dict[str, StepHandler] = {}
        self._code = code
        if isinstance(registered, Mapping):
            self._known.update(registered)
        else:
            self._known.update((name_of(handler), handler) for handler in registered)
        self._registered = frozenset(self._known)

    def resolve(self, name: str) -> StepHandler:
        """Return the step handler of that name or dotted path; the same one each time.

        Raises:
            DefinitionError: there is none, or it cannot be made.
        """
        with self._lock:
            if name not in self._known:
                self._known[name] = self._find(name)
            return self._known[name]

    def names(self) -> Sequence[str]:
        """Return the registered and declared names, sorted."""
        declared = self._code.declared if self._code is not None else {}
        return sorted(self._registered | declared.keys())

    def made(self) -> Sequence[StepHandler]:
        """Return the handlers that exist by now, each once: those to warm and to close."""
        with self._lock:
            return list({id(handler): handler for handler in self._known.values()}.values())

    @property
    def problems(self) -> Sequence[DefinitionProblem]:
        """Return what was wrong with the Python code, and names that a plugin has already."""
        if self._code is None:
            return ()
        taken = [
            DefinitionProblem(
                declared.file, f"the step handler '{declared.name}' is registered by a plugin"
            )
            for declared in self._code.declared.values()
            if declared.name in self._registered
        ]
        return (*self._code.problems, *taken)

    @property
    def offered(self) -> Sequence[OfferedDefinition]:
        """Return the workflows that modules in `RATCHET_PATH` define themselves."""
        return self._code.offered if self._code is not None else ()

    def _find(self, name: str) -> StepHandler:
        declared = self._code.declared.get(name) if self._code is not None else None
        if declared is not None:
            return _made(declared.target, name)
        target = _import_target(name) if _is_dotted(name) else None
        if target is None:
            reason = f"there is no step handler '{name[:200]}'{nearest(name, self.names())}"
            raise DefinitionError(reason)
        return _made(target, name)


def name_of(handler: StepHandler) -> str:
    """Return the name that definitions use for a handler that a plugin offers.

    Raises:
        DefinitionError: it has none.
    """
    name = handler.registered_name if isinstance(handler, FunctionHandler) else handler.name
    if not name:
        raise DefinitionError(f"{type(handler).__name__} has no name; set `name` on the class")
    return name


class AdaptedHandler(StepHandler):
    """A step handler made of any object that has `process`.

    Args:
        target: its other methods are used too where it has them.
    """

    def __init__(self, target: Any) -> None:
        self._target = target

    def process(self, context: StepContext) -> Any:
        """Call the object."""
        return self._target.process(context)

    def process_results(self, context: StepContext, output: Any) -> Any:
        """Call the object where it has this method."""
        own = getattr(self._target, "process_results", super().process_results)
        return own(context, output)

    def check(self, config: Mapping[str, Any], files: Mapping[str, str]) -> Sequence[str]:
        """Call the object where it has this method."""
        found: Sequence[str] = getattr(self._target, "check", super().check)(config, files)
        return found

    def warm(self) -> None:
        """Call the object where it has this method."""
        getattr(self._target, "warm", super().warm)()

    def close(self) -> None:
        """Call the object where it has this method."""
        getattr(self._target, "close", super().close)()


def _is_dotted(name: str) -> bool:
    parts = name.split(".")
    return len(parts) > 1 and all(part.isidentifier() for part in parts)


def _import_target(name: str) -> Any:
    """Return what a dotted path names; None where there is no such module or attribute.

    Raises:
        DefinitionError: the module exists but raises when it is imported.
    """
    module_name, _, attribute = name.rpartition(".")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        # a missing module that the found one imports is the author's to know
        if error.name is not None and f"{module_name}.".startswith(f"{error.name}."):
            return None
        raise _import_refused(module_name, error) from None
    except (Exception, SystemExit) as error:  # noqa: BLE001  # it is the author's code
        raise _import_refused(module_name, error) from None
    return getattr(module, attribute, None)


def _import_refused(module_name: str, error: BaseException) -> DefinitionError:
    reason = f"the module '{module_name}' cannot be imported: {type(error).__name__}: {error}"
    return DefinitionError(reason[:500])


def _made(target: Any, name: str) -> StepHandler:
    """Return a step handler of a class, an instance, or anything with `process`."""
    if isinstance(target, StepHandler):
        return target
    if not callable(getattr(target, "process", None)):
        raise DefinitionError(f"'{name}' is no step handler: it has no method process(context)")
    try:
        instance = target() if isinstance(target, type) else target
    except Exception as error:  # noqa: BLE001  # it is the author's code
        reason = f"'{name}' cannot be made without arguments: {type(error).__name__}: {error}"
        raise DefinitionError(reason[:500]) from None
    return instance if isinstance(instance, StepHandler) else AdaptedHandler(instance)
