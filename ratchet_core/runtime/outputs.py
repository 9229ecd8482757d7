"""Output destinations put together: what the configuration names, what plugins can deliver to."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from ratchet_core.config import Settings
from ratchet_core.domain.delivery import (
    TEMPLATE_VARIABLES,
    DeliveryPolicy,
    Destination,
    Origin,
    secret_texts,
)
from ratchet_core.domain.retry import Backoff
from ratchet_core.domain.template import template_problems
from ratchet_core.egress.only import OnlyDomains
from ratchet_core.engine.destinations import DestinationRules
from ratchet_core.engine.hidden import Hidden
from ratchet_core.errors import ConfigurationError
from ratchet_core.registry.variables import with_variables
from ratchet_core.sdk.http import HttpClient
from ratchet_core.sdk.output import OutputDestination

_LOOPBACK: Final = ("127.0.0.0/8", "::1/128", "localhost")
_PRIVATE: Final = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
#: Kinds by name, asked for when they are first needed.
Kinds = Callable[[], Mapping[str, OutputDestination]]


def make_rules(settings: Settings, environ: Mapping[str, str], kinds: Kinds) -> DestinationRules:
    """Build what the engine needs to know about outputs.

    Args:
        settings: checked settings.
        environ: for `${VAR}` in the destinations of workflows.
        kinds: what plugins can deliver to.
    """
    output = settings.output
    default_retry_policy = output.default_retry_policy
    return DestinationRules(
        everywhere=tuple(
            Destination(
                name=item.name,
                kind=item.kind,
                origin=Origin.GLOBAL,
                place=place,
                options=item.options,
                run_states=item.run_states,
                enabled=item.enabled,
            )
            for place, item in enumerate(output.global_destinations)
        ),
        policy=DeliveryPolicy(
            attempt_limit=default_retry_policy.max_attempts,
            backoff=Backoff(
                base_s=default_retry_policy.initial_delay_s,
                factor=default_retry_policy.backoff_multiplier,
                cap_s=default_retry_policy.max_delay_s,
            ),
        ),
        timeout_s=output.default_timeout_s,
        check=lambda destination: problems_of(destination, kinds()),
        expand=lambda value: with_variables(value, environ),
        secret_options=lambda kind: secret_options_of(kinds().get(kind)),
    )


def problems_of(destination: Destination, kinds: Mapping[str, OutputDestination]) -> Sequence[str]:
    """Return what is wrong with a destination, one sentence each."""
    kind = kinds.get(destination.kind)
    if kind is None:
        known = ", ".join(sorted(kinds)) or "none: no plugin offers any"
        return [f"type: no plugin delivers to '{destination.kind}'; there are {known}"]
    if destination.origin is Origin.RUN and not kind.named_by_runs:
        return [f"type: only the configuration and workflows may deliver to '{destination.kind}'"]
    known_names = TEMPLATE_VARIABLES | _free_names(destination)
    hidden = Hidden()
    hidden.hide_texts(secret_texts(destination.options, secret_options_of(kind)))
    found = [*kind.check(destination.options), *template_problems(destination.options, known_names)]
    return [hidden.clean(problem) for problem in found]


def secret_options_of(kind: OutputDestination | None) -> Sequence[str]:
    """Return which options of a kind hold secrets: what its plugin says, if there is one."""
    return () if kind is None else kind.secret_options


def _free_names(destination: Destination) -> frozenset[str]:
    """Return the `env_*` and `meta_*` that templates of a destination name: any may be there."""
    found: set[str] = set()
    for problem in template_problems(destination.options, TEMPLATE_VARIABLES):
        name = problem.partition("unknown variable '")[2].partition("'")[0]
        if name.startswith(("env_", "meta_")):
            found.add(name)
    return frozenset(found)


def allowed_besides(settings: Settings) -> tuple[str, ...]:
    """Return what outputs may reach besides what the egress policy allows to everybody."""
    output = settings.output
    allowed: tuple[str, ...] = ()
    if output.allow_localhost_webhooks:
        allowed += _LOOPBACK
    if output.allow_private_network_webhooks:
        allowed += _PRIVATE
    return allowed


def restricted(settings: Settings, client: HttpClient) -> HttpClient:
    """Return the client that output destinations get."""
    domains = settings.output.allowed_webhook_domains
    if not domains:
        return client
    return OnlyDomains(client, domains, "output.security.allowed_webhook_domains")


def check_everywhere(rules: DestinationRules) -> None:
    """Refuse to start with global destinations that could never be delivered to.

    Raises:
        ConfigurationError: names each.
    """
    problems = [
        f"output.global_destinations[{one.place}] '{one.name}': {problem}"
        for one in rules.everywhere
        for problem in rules.check(one)
    ]
    if problems:
        raise ConfigurationError("\n".join(problems))


def secret_of(settings: Settings, destination: Destination) -> bytes:
    """Return the key of a destination's signature (decisions.md section 10).

    Its own `secret`, else `output.signing_secret`, else one that is generated into the data
    directory, readable by its owner alone, and stays the same from then on.
    """
    own = destination.options.get("secret") or destination.options.get("signing_secret")
    if isinstance(own, str):
        return own.encode()
    shared = settings.output.signing_secret
    if shared is not None:
        return shared.reveal().encode()
    return _generated(settings.data_dir / "secrets", destination.name)


def _generated(folder: Path, name: str) -> bytes:
    safe = "".join(char if char.isalnum() or char in "-_" else f"%{ord(char):x}" for char in name)
    path = folder / f"output-{safe}"
    try:
        return path.read_bytes()
    except FileNotFoundError:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secrets.token_hex(32).encode())
    try:
        os.link(fresh, path)  # whoever comes first decides
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
    return path.read_bytes()
