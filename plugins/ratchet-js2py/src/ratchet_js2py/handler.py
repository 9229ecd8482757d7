"""The step handler `js2py`: it says why it is off, or runs a script in a process of its own."""

from __future__ import annotations

import importlib.util
import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

import orjson

from ratchet_core.sdk import PermanentError, StepContext, StepHandler
from ratchet_javascript.failure import step_error
from ratchet_javascript.script import Limits, Script, problems_of
from ratchet_js2py.process import run_child

#: The first Python on which js2py cannot be imported.
_TOO_NEW: Final = (3, 12)
#: What is told to whoever has not allowed it.
WHY_OFF: Final = (
    "js2py is switched off: scripts can break out of it and run any Python"
    " (CVE-2024-28397, open), and nobody maintains it. Use `javascript`; or set"
    " plugins.settings.js2py.allow_unsafe to true where every script is trusted"
)
_CPU_GRACE_S: Final = 2


def engine_problem(version: tuple[int, int] | None = None) -> str | None:
    """Return why js2py cannot run here; None where it can.

    Args:
        version: of Python; that of this process by default.
    """
    major, minor = version or sys.version_info[:2]
    if (major, minor) >= _TOO_NEW:
        return f"js2py does not run on Python {major}.{minor}, only up to 3.11; use `javascript`"
    if importlib.util.find_spec("js2py") is None:
        return "js2py is not installed: pip install 'ratchet-js2py[engine]'"
    return None


class Js2pyHandler(StepHandler):
    """Runs the script that `handler_config.script` names with js2py.

    The script's last expression is a function of the input, in ECMAScript 5; its JSON value is the
    step's result. There is no `fetch`, no console and no progress.

    Args:
        allow_unsafe: whether the operator knows what js2py is, and wants it.
    """

    name: ClassVar[str | None] = "js2py"

    def __init__(self, *, allow_unsafe: bool = False) -> None:
        self._allow_unsafe = allow_unsafe
        self._limits = Limits()

    def process(self, context: StepContext) -> Any:
        """Run the script.

        Raises:
            PermanentError: js2py is off, or cannot run here; or the script is wrong.
            StepError: what the script threw, by the class of the error as in `javascript`.
            AttemptCancelled: the run was cancelled.
            AttemptTimedOut: the attempt's deadline passed.
        """
        problem = self._problem()
        if problem is not None:
            raise PermanentError(problem, error_type="ConfigurationError")
        script = Script.of(context.config, context.files, self._limits)
        request = {
            "files": script.files,
            "input": context.input,
            "memory_bytes": script.memory_bytes,
            "output_bytes": self._limits.output_bytes,
            "cpu_s": math.ceil(min(context.remaining_s, 86_400.0)) + _CPU_GRACE_S,
        }
        answer = run_child(orjson.dumps(request), context, self._limits.output_bytes)
        if "error" in answer:
            raise step_error(answer["error"])
        return answer["result"]

    def check(self, config: Mapping[str, Any], files: Mapping[str, str]) -> Sequence[str]:
        """Return what is wrong with a step: that js2py is off or absent, its keys, its file."""
        problem = self._problem()
        return [problem] if problem is not None else problems_of(config, files)

    def _problem(self) -> str | None:
        return engine_problem() if self._allow_unsafe else WHY_OFF
