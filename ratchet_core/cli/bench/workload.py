"""The workflows of the bench, and the plugin whose step handlers perform them.

The plugin is an installed one as far as Ratchet can tell: a distribution with an entry point, in
a folder that is on the import path of the workers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from ratchet_core.domain.workflow import StepDefinition, WorkflowDefinition, single_step

NAMESPACE: Final = "bench"
NOOP: Final = "noop"
IMMEDIATE: Final = "noop_immediate"
CHAIN: Final = "chain"
CHAIN_IMMEDIATE: Final = "chain_immediate"
CHAIN_JAVASCRIPT: Final = "chain_javascript"
FIBO: Final = "fibo"
FAN_OUT: Final = "fan_out"
TALK: Final = "talk"
ORDER: Final = "order"

#: Lines that the step of TALK logs.
LINES: Final = 100
#: Steps of the chain of `fibo`.
FIBO_STEPS: Final = 10

_NOOP_HANDLER: Final = "bench-noop"
_FIBO_HANDLER: Final = "bench-fibo"
_TALK_HANDLER: Final = "bench-talk"
_ORDER_HANDLER: Final = "bench-order"
_JAVASCRIPT: Final = "javascript"
_SCRIPT: Final = "noop.js"

_MODULE: Final = '''\
"""The plugin of `ratchet bench`: a step that does nothing, and one that only computes."""

from ratchet_core.sdk import StepHandler, hookimpl


class Noop(StepHandler):
    """Do nothing."""

    name = "bench-noop"

    def process(self, context):
        return None


class Fibo(StepHandler):
    """Compute for a third of a second or so."""

    name = "bench-fibo"

    def process(self, context):
        return fibo(context.config["n"])


class Talk(StepHandler):
    """Log."""

    name = "bench-talk"

    def process(self, context):
        for number in range(context.config["lines"]):
            context.log.info("order %d is on its way to the customer, as was agreed", number)


class Order(StepHandler):
    """Result in what a webhook commonly carries: half a kilobyte."""

    name = "bench-order"

    def process(self, context):
        items = [{"article": f"A-{number:05d}", "pieces": number + 1} for number in range(12)]
        return {"order": 4711, "status": "shipped", "customer": "C-1042", "items": items}


def fibo(n):
    return n if n < 2 else fibo(n - 1) + fibo(n - 2)


@hookimpl
def ratchet_register_step_handlers(services):
    return [Noop(), Fibo(), Talk(), Order()]
'''


def install_plugin(folder: Path) -> Path:
    """Write the plugin as an installed distribution; return what PYTHONPATH must name."""
    about = folder / "ratchet_bench_plugin-1.0.0.dist-info"
    about.mkdir(parents=True)
    (folder / "ratchet_bench_plugin.py").write_text(_MODULE, encoding="utf-8")
    metadata = "Metadata-Version: 2.1\nName: ratchet-bench-plugin\nVersion: 1.0.0\n"
    (about / "METADATA").write_text(metadata, encoding="utf-8")
    entry = "[ratchet]\nbench = ratchet_bench_plugin\n"
    (about / "entry_points.txt").write_text(entry, encoding="utf-8")
    return folder


def many(count: int) -> list[WorkflowDefinition]:
    """Return so many no-op workflows, each with a name of its own."""
    return [
        single_step(f"{NOOP}_{number}", _NOOP_HANDLER, namespace=NAMESPACE)
        for number in range(count)
    ]


def fibo(n: int) -> int:
    """Compute as the step does, to know what the computation alone takes."""
    return n if n < 2 else fibo(n - 1) + fibo(n - 2)  # noqa: PLR2004 - the definition


def definitions(
    *, chain: int, fan_out: int, fibo_argument: int, javascript: bool
) -> list[WorkflowDefinition]:
    """Return the workflows.

    Args:
        chain: steps of the chains.
        fan_out: steps between fork and join.
        fibo_argument: of each `fibo` step.
        javascript: whether the plugin for it is there.
    """
    found = [
        single_step(NOOP, _NOOP_HANDLER, namespace=NAMESPACE),
        single_step(IMMEDIATE, _NOOP_HANDLER, namespace=NAMESPACE, step={"commit": "immediate"}),
        _chain(CHAIN, chain),
        _chain(CHAIN_IMMEDIATE, chain, commit="immediate"),
        _chain(FIBO, FIBO_STEPS, handler=_FIBO_HANDLER, config={"n": fibo_argument}),
        _fan_out(fan_out),
        single_step(TALK, _TALK_HANDLER, namespace=NAMESPACE, step={"config": {"lines": LINES}}),
        single_step(ORDER, _ORDER_HANDLER, namespace=NAMESPACE),
    ]
    if javascript:
        found.append(_javascript_chain(chain))
    return found


def _chain(
    name: str,
    length: int,
    *,
    handler: str = _NOOP_HANDLER,
    config: dict[str, object] | None = None,
    commit: Literal["group", "immediate"] = "group",
    files: dict[str, str] | None = None,
) -> WorkflowDefinition:
    steps = tuple(
        StepDefinition(
            name=f"step_{number}",
            handler=handler,
            config=config or {},
            depends_on=(f"step_{number - 1}",) if number else (),
            commit=commit,
        )
        for number in range(length)
    )
    definition = WorkflowDefinition(name=name, namespace=NAMESPACE, steps=steps, files=files or {})
    return definition.checked()


def _javascript_chain(length: int) -> WorkflowDefinition:
    script = "(function () { return null; })\n"
    return _chain(
        CHAIN_JAVASCRIPT,
        length,
        handler=_JAVASCRIPT,
        config={"script": _SCRIPT},
        files={_SCRIPT: script},
    )


def _fan_out(width: int) -> WorkflowDefinition:
    names = tuple(f"part_{number}" for number in range(width))
    steps = (
        StepDefinition(name="fork", handler=_NOOP_HANDLER),
        *(StepDefinition(name=name, handler=_NOOP_HANDLER, depends_on=("fork",)) for name in names),
        StepDefinition(name="join", handler=_NOOP_HANDLER, depends_on=names),
    )
    return WorkflowDefinition(name=FAN_OUT, namespace=NAMESPACE, steps=steps).checked()
