"""The options of a step that more than one format knows, read from whatever mapping holds them."""

from __future__ import annotations

import re
from typing import Final, Literal

from ratchet_core.domain.retry import Backoff
from ratchet_core.domain.workflow import CustomEvent
from ratchet_core.registry.fields import Fields, described

#: First parts of event names that only the system itself uses (Tasker's, and our own nouns).
RESERVED_EVENTS: Final = frozenset(
    {
        "attempt",
        "delivery",
        "lease",
        "observability",
        "plugin",
        "ratchet",
        "run",
        "schedule",
        "step",
        "task",
        "test",
        "worker",
        "workflow",
    }
)

#: Keys of `handler_config` that set a step's time limit; a `timeout_s` there is the handler's own.
TIMEOUT_KEYS: Final = ("timeout_seconds", "timeout")

_EVENT: Final = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+", re.ASCII)
_MAX_EVENT: Final = 128
_BACKOFF_KEYS: Final = ("base_s", "factor", "cap_s", "jitter")


def read_backoff(fields: Fields) -> Backoff:
    """Read `backoff`: any of base_s, factor, cap_s, jitter; the rest keeps its default."""
    options = Fields(fields.document, fields.mapping("backoff"), fields.place_of("backoff"))
    options.refuse_unknown(_BACKOFF_KEYS)
    usual = Backoff()
    return Backoff(
        base_s=options.number("base_s", usual.base_s, 0, 86_400),
        factor=options.number("factor", usual.factor, 1, 100),
        cap_s=options.number("cap_s", usual.cap_s, 0, 86_400),
        jitter=options.number("jitter", usual.jitter, 0, 1),
    )


def read_commit(fields: Fields) -> Literal["group", "immediate"]:
    """Read `commit`."""
    match fields.text("commit", "group"):
        case "group":
            return "group"
        case "immediate":
            return "immediate"
        case other:
            raise fields.error(f"{other!r} is neither 'group' nor 'immediate'", "commit")


def read_custom_events(fields: Fields) -> tuple[CustomEvent, ...]:
    """Read `custom_events`: names, or mappings of name and description."""
    events: dict[str, CustomEvent] = {}
    for index, item in enumerate(fields.items("custom_events")):
        if isinstance(item, str):
            event = CustomEvent(name=item)
        elif isinstance(item, dict):
            one = Fields(fields.document, item, (*fields.place_of("custom_events"), index))
            one.refuse_unknown({"name", "description"})
            event = CustomEvent(name=one.needed_text("name"), description=one.text("description"))
        else:
            reason = f"expected a name or a mapping with name, found {described(item)}"
            raise fields.error(reason, "custom_events", index)
        _check_event(fields, event.name, index)
        if event.name in events:
            raise fields.error(f"'{event.name}' is there twice", "custom_events", index)
        events[event.name] = event
    return tuple(events.values())


def _check_event(fields: Fields, name: str, index: int) -> None:
    if len(name) > _MAX_EVENT or _EVENT.fullmatch(name) is None:
        reason = f"{name[:_MAX_EVENT]!r} is no event name; write namespace.name, letters and digits"
        raise fields.error(reason, "custom_events", index)
    namespace = name.split(".", 1)[0].lower()
    if namespace in RESERVED_EVENTS:
        reason = f"'{name}' begins with '{namespace}', which is reserved; use a name of your own"
        raise fields.error(reason, "custom_events", index)


def read_timeout_s(fields: Fields, config: Fields) -> float | None:
    """Read the time limit: `timeout_s` of the step, or one of `TIMEOUT_KEYS` of its config."""
    given = [(config, key) for key in TIMEOUT_KEYS if config.value.get(key) is not None]
    if fields.value.get("timeout_s") is not None:
        given.insert(0, (fields, "timeout_s"))
    if len(given) > 1:
        first, second = given[0][1], given[1][1]
        raise given[1][0].error(f"'{second}' says the same as '{first}'; keep one", second)
    return given[0][0].duration_s(given[0][1]) if given else None


def read_destinations(fields: Fields) -> tuple[dict[str, object], ...]:
    """Read `output_destinations`: a list of mappings, checked in depth by whoever delivers."""
    items = fields.items("output_destinations")
    for index, item in enumerate(items):
        if not isinstance(item, dict):
            reason = f"expected a mapping of keys, found {described(item)}"
            raise fields.error(reason, "output_destinations", index)
    return tuple(items)
