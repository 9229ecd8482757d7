"""Input sources put together: what the configuration names, what plugins can take messages from."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from ratchet_core.config import Settings, is_loopback
from ratchet_core.config.inputs import InputSourceSettings
from ratchet_core.domain.name import parse_name
from ratchet_core.engine.encode import Limits, NotJson, encode
from ratchet_core.engine.requests import SubmitRequest
from ratchet_core.errors import ConfigurationError, PayloadTooLarge, RatchetError, ValidationFailed
from ratchet_core.hooks import Hooks
from ratchet_core.hooks.facade import SourceKind
from ratchet_core.sdk.http import HttpClient
from ratchet_core.sdk.input import InboundMessage, InputSource, SourceSettings, WebhookSource
from ratchet_core.store import sources
from ratchet_core.store.database import Database
from ratchet_core.store.sources import SourceReport

#: Key of a run's origin that names the source that made it.
ORIGIN: Final = "input_source"
_LONGEST_IDENTITY: Final = 200
#: How much larger the input of a webhook's run may be than its body.
_WEBHOOK_FACTOR: Final = 4
#: Levels that stand around a webhook's body.
_AROUND: Final = 2


class MessageReader:
    """Turns what one source brings into requests for runs.

    Args:
        source: as configured.
        limits: of an input.
    """

    def __init__(self, source: InputSourceSettings, limits: Limits) -> None:
        self._source = source
        self._configured = parse_name(source.workflow)
        self._limits = limits

    def request(self, message: InboundMessage) -> SubmitRequest:
        """Return the request for a message's run.

        Raises:
            ValidationFailed: its input is no JSON, or its identity is out of range.
            PayloadTooLarge: its input is.
        """
        identity = message.identity
        if identity is not None and not (
            isinstance(identity, str)
            and 0 < len(identity) <= _LONGEST_IDENTITY
            and identity.isprintable()
        ):
            rule = f"must be 1 to {_LONGEST_IDENTITY} printable characters"
            raise ValidationFailed("The identity of the message is not valid", {"identity": [rule]})
        named = self._configured if message.workflow is None else parse_name(message.workflow)
        return SubmitRequest(
            namespace=named.namespace,
            name=named.name,
            version=named.version,
            input=self._input(message.input),
            idempotency_key=identity,
            key_decides=True,
            principal=f"input:{self._source.name}",
            origin={ORIGIN: self._source.name},
        )

    def _input(self, value: Any) -> Any:
        try:
            return orjson.loads(encode(value, "the input", self._limits))
        except NotJson as error:
            text = str(error)
            if " bytes of JSON, more than" in text:
                most = self._limits.max_bytes
                message = f"The input is above limits.max_body_bytes, {most} bytes"
                raise PayloadTooLarge(message) from None
            raise ValidationFailed(f"The message is no JSON: {text}", {"input": [text]}) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceView:
    """One configured source, and how it does in every process that runs it."""

    name: str  #: as configured
    type: str  #: `webhook`, or what a plugin offers
    state: str  #: the worst of `places`; `stopped` where no process runs it
    message: str  #: why
    places: tuple[SourceReport, ...]  #: what living processes tell


class Inputs:
    """The configured sources that are enabled, and what plugins offer for them.

    Args:
        settings: with the sources.
        hooks: with the plugins.
        http: for sources.
        database: where processes tell how their sources do.
    """

    def __init__(
        self, settings: Settings, hooks: Hooks, http: HttpClient, database: Database
    ) -> None:
        self._settings = settings
        self._hooks = hooks
        self._http = http
        self._database = database
        self.sources = tuple(source for source in settings.input.sources if source.enabled)
        limits = settings.limits
        self._limits = Limits(limits.max_body_bytes, limits.max_json_depth)

    @property
    def fetching(self) -> tuple[InputSourceSettings, ...]:
        """The sources that fetch."""
        return tuple(source for source in self.sources if not source.is_webhook)

    @functools.cached_property
    def kinds(self) -> Mapping[str, tuple[str, SourceKind]]:
        """What plugins offer: name to plugin and class; asked for when it is first needed."""
        return self._hooks.register_input_sources()

    def reader(self, source: InputSourceSettings) -> MessageReader:
        """Return what turns a source's messages into requests."""
        limits = self._limits
        if source.is_webhook:  # the body stands there twice, as text and as a value
            limits = Limits(_WEBHOOK_FACTOR * limits.max_bytes, limits.max_depth + _AROUND)
        return MessageReader(source, limits)

    def check(self) -> None:
        """Refuse to start with sources that could never take anything.

        Raises:
            ConfigurationError: names each.
        """
        problems = [
            f"input.sources '{source.name}': {problem}"
            for source in self._settings.input.sources
            for problem in self._problems(source)
        ]
        if problems:
            raise ConfigurationError("\n".join(problems))

    def _problems(self, source: InputSourceSettings) -> Sequence[str]:
        found = self.kinds.get(source.kind)
        key = "verify" if source.is_webhook else "type"
        base = WebhookSource if source.is_webhook else InputSource
        known = sorted(name for name, (_, kind) in self.kinds.items() if issubclass(kind, base))
        if source.kind == "none" and source.is_webhook and self._is_exposed():
            return ["verify: 'none' is for servers that only this machine reaches; use another"]
        if found is None:
            if any(state.state == "quarantined" for state in self._hooks.plugins):
                return ()  # it may be that plugin's; the others are to work
            listed = ", ".join(known) or "none: no plugin offers any"
            return [f"{key}: no plugin offers '{source.kind}'; there are {listed}"]
        if not issubclass(found[1], base):
            return [f"{key}: '{source.kind}' is of the other sort; there are {', '.join(known)}"]
        try:
            return [f"options.{problem}" for problem in found[1].check(source.options)]
        except Exception as error:  # noqa: BLE001 - what a plugin raises must not hide the others
            return [f"options: plugin '{found[0]}' cannot check them ({type(error).__name__})"]

    def _is_exposed(self) -> bool:
        return not is_loopback(self._settings.server.bind_address)

    def make(self, source: InputSourceSettings) -> InputSource | WebhookSource:
        """Make a source.

        Raises:
            RatchetError: no plugin offers it.
            Exception: whatever its constructor raises.
        """
        found = self.kinds.get(source.kind)
        if found is None:
            raise RatchetError(f"no plugin offers '{source.kind}'")
        plugin, kind = found
        return kind(
            SourceSettings(
                name=source.name,
                options=source.options,
                ack=source.ack,
                requeue=source.requeue,
                plugin=self._hooks.settings_of(plugin),
                http=self._http,
                data_dir=Path(self._settings.data_dir) / "plugins" / plugin,
            )
        )

    def views(self) -> tuple[SourceView, ...]:
        """Return how each source that fetches does, by name."""
        with self._database.read() as tx:
            told = sources.reports(tx)
        return tuple(
            _view(source, [item for item in told if item.source == source.name])
            for source in self.fetching
        )

    def health(self) -> tuple[bool, str]:
        """Return whether every source that fetches does so, and which do not."""
        bad = [view for view in self.views() if view.state not in {"healthy", "starting"}]
        if not bad:
            return True, "ok"
        return False, "; ".join(f"{view.name}: {view.message or view.state}" for view in bad)


_WORST: Final = ("left out", "failing", "holding", "starting", "healthy")


def _view(source: InputSourceSettings, told: Sequence[SourceReport]) -> SourceView:
    worst = min(told, key=lambda item: _WORST.index(item.state), default=None)
    return SourceView(
        name=source.name,
        type=source.type,
        state="stopped" if worst is None else worst.state,
        message="no process runs it: start `ratchet ingest`" if worst is None else worst.message,
        places=tuple(told),
    )
