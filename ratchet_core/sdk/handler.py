"""The base class of step handlers and a decorator for the one-liner."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, overload

from ratchet_core.sdk.context import StepContext

#: A function that performs a step; it may be `async`.
StepFunction = Callable[[StepContext], Any]


class StepHandler:
    """Performs steps of one kind.

    One instance serves many attempts, one after the other, in one process: keep nothing of an
    attempt on it. A step runs at least once, so make `process` safe to repeat, with
    `context.idempotency_key` where the other side knows such keys.
    """

    #: Name that definitions use as `handler_class`; None leaves only the dotted path.
    name: ClassVar[str | None] = None

    def process(self, context: StepContext) -> Any:
        """Do the work and return a JSON value, or a coroutine that does.

        Raises:
            RetryableError: try again, maybe after a given time.
            PermanentError: do not try again.
            Exception: anything else is retried as the step's policy says.
        """
        raise PermanentNotOverridden(type(self).__name__)

    def process_results(self, context: StepContext, output: Any) -> Any:
        """Turn what `process` returned into the step's result; by default it is the result."""
        return output

    def check(self, config: Mapping[str, Any], files: Mapping[str, str]) -> Sequence[str]:
        """Return what is wrong with a step's `handler_config`; nothing by default.

        Called when a definition is loaded, so that mistakes show before a run.

        Args:
            config: `handler_config` of the step.
            files: scripts that came with the definition.
        """
        return ()

    def warm(self) -> None:
        """Prepare what attempts will share; called once per worker before it forks."""

    def close(self) -> None:
        """Give back what `warm` or attempts have taken; called when the process ends."""


class PermanentNotOverridden(TypeError):
    """A step handler without `process`."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} must define process(self, context)")


class FunctionHandler(StepHandler):
    """A step handler made of one function."""

    def __init__(self, function: StepFunction, name: str | None = None) -> None:
        self.function = function
        self.registered_name = name or f"{function.__module__}.{function.__qualname__}"

    def process(self, context: StepContext) -> Any:
        """Call the function."""
        return self.function(context)

    def __call__(self, context: StepContext) -> Any:
        """Call the function, so that the decorated name can still be used as one."""
        return self.function(context)


@overload
def step_handler(function: StepFunction, /) -> FunctionHandler: ...
@overload
def step_handler(*, name: str) -> Callable[[StepFunction], FunctionHandler]: ...
def step_handler(
    function: StepFunction | None = None, /, *, name: str | None = None
) -> FunctionHandler | Callable[[StepFunction], FunctionHandler]:
    """Make a step handler of a function.

    Used bare, the definition names it by its dotted path; with `name=` also by that name.

        @step_handler(name="greet")
        def greet(context):
            return {"text": f"Hello {context.input['who']}"}
    """
    if function is not None:
        return FunctionHandler(function)
    return lambda wrapped: FunctionHandler(wrapped, name)
