"""The root of all settings. `Settings()` alone gives the defaults.

Where values come from is `load`'s affair.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path

from ratchet_core.config.definitions import PluginSettings, RegistrySettings
from ratchet_core.config.events import EventSettings
from ratchet_core.config.execution import (
    CacheSettings,
    ExecutionSettings,
    LimitSettings,
    WorkerSettings,
)
from ratchet_core.config.graphql import GraphqlSettings
from ratchet_core.config.inputs import InputSettings
from ratchet_core.config.logs import DevelopmentSettings, KeptLogSettings, LoggingSettings
from ratchet_core.config.outgoing import EgressSettings, HttpSettings, OutputSettings
from ratchet_core.config.retention import RetentionSettings
from ratchet_core.config.server import (
    AuthSettings,
    DatabaseSettings,
    RedisSettings,
    ServerSettings,
)
from ratchet_core.config.setting import setting
from ratchet_core.config.tracing import TracingSettings


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set; frozen, so that it may be shared freely."""

    data_dir: Path = setting(
        "Directory for the database of `ratchet up`, generated keys and other state.",
        "data_dir",
        default=Path(".ratchet"),
        env=("RATCHET_DATA_DIR",),
        default_text="`./.ratchet`",
    )
    environment: str = setting(
        "Name of this environment: chooses the overlay of workflow files, and is `{{environment}}`"
        " in templates.",
        "environment",
        default="development",
        env=("RATCHET_ENVIRONMENT", "RATCHET_ENV"),
    )
    server: ServerSettings = field(default_factory=ServerSettings)
    graphql: GraphqlSettings = field(default_factory=GraphqlSettings)
    auth: AuthSettings = field(default_factory=AuthSettings)
    database: DatabaseSettings = field(default_factory=DatabaseSettings)
    redis: RedisSettings = field(default_factory=RedisSettings)
    execution: ExecutionSettings = field(default_factory=ExecutionSettings)
    worker: WorkerSettings = field(default_factory=WorkerSettings)
    registry: RegistrySettings = field(default_factory=RegistrySettings)
    plugins: PluginSettings = field(default_factory=PluginSettings)
    events: EventSettings = field(default_factory=EventSettings)
    http: HttpSettings = field(default_factory=HttpSettings)
    egress: EgressSettings = field(default_factory=EgressSettings)
    output: OutputSettings = field(default_factory=OutputSettings)
    input: InputSettings = field(default_factory=InputSettings)
    cache: CacheSettings = field(default_factory=CacheSettings)
    limits: LimitSettings = field(default_factory=LimitSettings)
    logging: LoggingSettings = field(default_factory=LoggingSettings)
    logs: KeptLogSettings = field(default_factory=KeptLogSettings)
    tracing: TracingSettings = field(default_factory=TracingSettings)
    retention: RetentionSettings = field(default_factory=RetentionSettings)
    development: DevelopmentSettings = field(default_factory=DevelopmentSettings)

    def __post_init__(self) -> None:
        """Put the database into the data directory where no URL is given."""
        if not self.database.url:
            url = default_database_url(self.data_dir)
            database = dataclasses.replace(self.database, url=url)
            object.__setattr__(self, "database", database)

    @property
    def worker_processes(self) -> int:
        """Worker processes of this host: `worker_count`, bounded by `max_concurrent_steps`."""
        most = self.execution.max_concurrent_steps
        return self.worker.worker_count if most is None else min(self.worker.worker_count, most)


def default_database_url(data_dir: Path) -> str:
    """Return the URL, as SQLAlchemy reads it, of the database in a data directory."""
    return f"sqlite:///{(data_dir / 'ratchet.db').absolute()}"
