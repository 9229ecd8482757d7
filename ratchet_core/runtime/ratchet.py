"""`Ratchet(settings)`: every part, built once and handed to the doors, the worker and the CLI.

Building opens no connection and starts no thread; the parts do so when they are first used.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Literal

import uuid_utils

from ratchet_core.access import Access
from ratchet_core.access.audit import AuditLog
from ratchet_core.config import Settings
from ratchet_core.dispatch.buckets import Buckets
from ratchet_core.dispatch.connection import HASTY, RedisConnection
from ratchet_core.dispatch.doorbell import Doorbell
from ratchet_core.dispatch.notices import Notices
from ratchet_core.domain.workflow import WorkflowDefinition
from ratchet_core.egress import EgressPolicy, PinnedClient
from ratchet_core.engine.admission import Admission
from ratchet_core.engine.core import Core
from ratchet_core.engine.definitions import SyncReport
from ratchet_core.engine.engine import Engine
from ratchet_core.errors import Unavailable
from ratchet_core.hooks import GivenPlugin
from ratchet_core.registry.found import Loaded
from ratchet_core.registry.handlers import HandlerTable
from ratchet_core.registry.loader import OfferedDefinition, load_definitions
from ratchet_core.registry.python_code import PythonCode
from ratchet_core.runtime.authentication import AccessBuilder, SelfAccess, stored_keys
from ratchet_core.runtime.inputs import Inputs
from ratchet_core.runtime.outputs import (
    allowed_besides,
    check_everywhere,
    make_rules,
    restricted,
)
from ratchet_core.runtime.plugin_view import Plugins
from ratchet_core.runtime.plugins import make_hooks
from ratchet_core.runtime.schedule import sync_schedules
from ratchet_core.runtime.webhooks import Webhooks
from ratchet_core.sdk.http import HttpClient
from ratchet_core.sdk.output import OutputDestination
from ratchet_core.sdk.services import PluginServices
from ratchet_core.store.database import Database
from ratchet_core.store.definitions import SnapshotCache
from ratchet_core.store.pool import PoolSize
from ratchet_core.store.reads import Reads
from ratchet_core.store.upgrade import current, head, upgrade
from ratchet_core.telemetry.tracing import make_tracing


class Ratchet:
    """One Ratchet over one database.

    Args:
        settings: checked settings.
        environ: the environment, for `${VAR}` in workflow files.
        http: replaces the client that obeys the egress policy (tests of tasks do).
        plugins: in place of the installed ones.
        now_us: the time that SQLite is to go by, as `store.Database` takes it.
    """

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str] | None = None,
        *,
        http: HttpClient | None = None,
        plugins: Iterable[EntryPoint | GivenPlugin] | None = None,
        now_us: Callable[[], int] | None = None,
    ) -> None:
        self.settings = settings
        self.environ = dict(environ or {})
        self._given_http = http
        self.http: HttpClient = http or _http_client(settings)
        self.database = Database(settings.database.url, _pool(settings), now_us)
        self.redis = RedisConnection(settings.redis.url)
        self._hasty_redis = RedisConnection(settings.redis.url, patience=HASTY)
        self.buckets = Buckets(self._hasty_redis)
        self.doorbell = Doorbell(self.redis, poll_interval_s=settings.worker.poll_interval_s)
        self.notices = Notices(self.redis)
        snapshots = SnapshotCache(settings.cache.definitions if settings.cache.enabled else 0)
        self.hooks = make_hooks(settings, plugins)
        self.hooks.refuse_broken()
        self.tracing = make_tracing(settings.tracing)
        self.core = Core(
            database=self.database,
            new_id=new_id,
            random=random.random,
            ring=self.doorbell.ring_all,
            notify=self.notices.notify,
            lease_s=settings.worker.lease_s,
            destinations=make_rules(settings, self.environ, lambda: self.destination_kinds),
            admission=Admission(settings.limits.max_ready_age_s),
            validate_schemas=settings.execution.validate_schemas,
            snapshots=snapshots,
            calls=self.hooks.calls,
            tracing=self.tracing,
        )
        self.reads = Reads(self.database, snapshots)
        self.engine = Engine(self.core, self.reads)
        self.keys = stored_keys(self.database, new_id)
        self.self_access = SelfAccess(settings, self.http, self.database)
        self.audit = AuditLog(self.database)
        self.plugins = Plugins(self.hooks, self.database, self.notices.notify)
        self.inputs = Inputs(settings, self.hooks, self.http, self.database)
        self.webhooks = Webhooks(self.inputs, self.engine, self.database)
        self.handlers = self._handlers()

    def _handlers(self) -> HandlerTable:
        registered = self.hooks.register_step_handlers(self.services_for)
        self.hooks.refuse_broken()
        code = PythonCode(self.settings.registry.directories)
        code.load()
        return HandlerTable(registered.values(), code)

    @functools.cached_property
    def destination_kinds(self) -> Mapping[str, OutputDestination]:
        """What plugins deliver to, by name; made when it is first needed."""
        allowed = allowed_besides(self.settings)
        plain = self._given_http or _http_client(self.settings, allowed)
        client = restricted(self.settings, plain)
        return self.hooks.register_output_destinations(
            lambda plugin: replace(self.services_for(plugin), http=client)
        )

    def check_destinations(self) -> None:
        """Refuse to start with destinations that nothing can be delivered to, where so configured.

        Raises:
            ConfigurationError: names each.
        """
        if self.settings.output.validate_on_startup:
            check_everywhere(self.core.destinations)

    @functools.cached_property
    def access(self) -> Access:
        """Who may call and do what; made when a process that serves the doors first asks.

        Raises:
            ConfigurationError, PluginError: an authenticator cannot be made.
        """
        builder = AccessBuilder(self.settings, self.hooks, self.http, self.database)
        return builder.build(self.reads, self.keys)

    def services_for(self, plugin: str) -> PluginServices:
        """Return what a plugin is given when it registers something."""
        return PluginServices(
            settings=self.hooks.settings_of(plugin),
            http=self.http,
            data_dir=Path(self.settings.data_dir) / "plugins" / plugin,
            max_duration_s=self.settings.execution.max_execution_duration_s,
        )

    def prepare_database(self) -> None:
        """Bring the database to today's schema where that is allowed, else check that it is.

        Raises:
            Unavailable: it is at another schema, and `database.auto_migrate` is off.
        """
        if self.settings.database.auto_migrate:
            upgrade(self.database)
        else:
            self.check_schema()

    def upgrade_database(self) -> str:
        """Bring the database to today's schema; return the revision."""
        return upgrade(self.database)

    def check_schema(self) -> None:
        """Refuse a database of another schema than the code's.

        Raises:
            Unavailable: says how to upgrade it.
        """
        found = current(self.database)
        if found != head():
            message = (
                f"the database is at schema {found or 'none'}, this version needs {head()}; "
                "run `ratchet db upgrade`"
            )
            raise Unavailable(message)

    def load_definitions(self) -> Loaded:
        """Read every definition from files and plugins, without storing any."""
        offered: list[OfferedDefinition] = []
        paths = list(self.settings.registry.directories)
        for plugin, item in self.hooks.register_workflows(self.services_for):
            if isinstance(item, WorkflowDefinition):
                offered.append(OfferedDefinition(definition=item, origin=f"plugin {plugin}"))
            else:
                paths.append(item)
        return load_definitions(
            paths, self.settings.environment, self.environ, self.handlers, offered
        )

    def sync_definitions(
        self, *, on_change: Literal["replace", "refuse"]
    ) -> tuple[Loaded, SyncReport]:
        """Read every definition and store what is new; see `Engine.sync_definitions`."""
        loaded = self.load_definitions()
        found = [item.definition for item in loaded.definitions]
        report = self.engine.sync_definitions(found, loaded.namespaces, on_change=on_change)
        sync_schedules(self.engine, loaded, replace_changed=on_change == "replace")
        return loaded, report

    def reload_code(self) -> None:
        """Read the Python code of the definitions' directories again (`ratchet up`)."""
        self.handlers = self._handlers()

    def health_checks(self) -> dict[str, Callable[[], tuple[bool, str]]]:
        """Return, for each part, what tells whether it works and a word about it."""
        checks = {
            "database": self._database_health,
            "redis": self._redis_health,
            "plugins": self.plugins.health,
        }
        if self.inputs.fetching:
            checks["inputs"] = self.inputs.health
        if self.webhooks.is_used:
            checks["webhooks"] = self.webhooks.health
        return checks

    def _database_health(self) -> tuple[bool, str]:
        try:
            self.check_schema()
        except Unavailable as error:
            return False, error.message
        return True, "ok"

    def _redis_health(self) -> tuple[bool, str]:
        if not self.redis.is_configured:
            return True, "not configured: drains poll"
        return (True, "ok") if self.redis.ping() else (False, "does not answer: drains poll")

    def warm(self) -> None:
        """Prepare what attempts share, once, before a worker forks."""
        for handler in self.handlers.made():
            handler.warm()

    def forget_connections(self) -> None:
        """In a forked child: leave the parent's connections alone and open our own later."""
        self.database.dispose(close=False)
        self.redis.close()
        self._hasty_redis.close()

    def dispose_pools(self) -> None:
        """Close all connections of this process, such as before a fork."""
        self.database.dispose()
        self.redis.close()
        self._hasty_redis.close()

    def close(self) -> None:
        """Give back everything at the end of the process."""
        for handler in self.handlers.made():
            handler.close()
        self.plugins.unwatch()
        self.tracing.flush()
        self.dispose_pools()


def new_id() -> str:
    """Make a UUIDv7 as lower-case text."""
    return str(uuid_utils.uuid7())


def _pool(settings: Settings) -> PoolSize:
    database = settings.database
    most = max(1, database.max_connections)
    return PoolSize(
        kept=min(most, database.min_connections),
        most=most,
        idle_s=database.idle_timeout_s,
        timeout_s=database.connection_timeout_s,
        lifetime_s=database.max_lifetime_s,
    )


def _http_client(settings: Settings, allowed: tuple[str, ...] = ()) -> PinnedClient:
    hosts = dict.fromkeys((settings.server.bind_address, "127.0.0.1", "localhost"))
    port = settings.server.port  # 0: a free one, which nobody knows yet
    own = settings.server.self_urls or tuple(f"http://{host}:{port}" for host in hosts if port)
    policy = EgressPolicy(allow=(*settings.egress.allow, *allowed), self_urls=own)
    return PinnedClient(
        policy,
        timeout_s=settings.http.timeout_s,
        max_redirects=settings.http.max_redirects,
        user_agent=settings.http.user_agent,
        verify_tls=settings.http.verify_tls,
        connect_timeout_s=settings.http.connect_timeout_s,
    )
