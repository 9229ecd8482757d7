"""Settings of how runs are executed: attempts, workers, caches, limits on size.

Only declarations; rules that span several settings are in `checks`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from ratchet_core.config.setting import setting

MIB = 1024 * 1024


def usable_cpus() -> int:
    """Return how many processors this process may use, at least one."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class ExecutionSettings:
    """How one attempt is executed."""

    max_execution_duration_s: float = setting(
        "Seconds after which an attempt is stopped where its definition names no time of its own.",
        "execution.max_execution_duration",
        default=300.0,
        env=("RATCHET_MAX_EXECUTION_SECONDS", "RATCHET_MAX_EXECUTION_DURATION"),
        at_least=0.1,
        at_most=604_800,
    )
    timeout_grace_period_s: float = setting(
        "Seconds that an attempt gets after its deadline before its process is killed.",
        "execution.timeout_grace_period",
        default=5.0,
        at_least=0,
        at_most=3600,
    )
    validate_schemas: bool = setting(
        "Whether inputs and results are checked against the definition's JSON Schemas.",
        "execution.validate_schemas",
        default=True,
        env=("RATCHET_VALIDATE_SCHEMAS",),
    )
    max_concurrent_steps: int | None = setting(
        "Most steps that run at once on this host: it bounds the number of worker processes."
        " Unset: as many as there are workers.",
        "execution.max_concurrent_tasks",
        default=None,
        env=("RATCHET_MAX_CONCURRENT_TASKS",),
        at_least=1,
        at_most=10_000,
    )


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """Worker processes of one host, their leases and their supervision."""

    worker_count: int = setting(
        "Worker processes on this host.",
        "server.workers.worker_count",
        "worker.worker_count",
        default=1,
        factory=usable_cpus,
        env=("RATCHET_WORKER_COUNT", "RATCHET_WORKERS"),
        at_least=1,
        at_most=1024,
        default_text="number of processors",
    )
    queues: tuple[str, ...] = setting(
        "Queues that the workers of this host serve, the most important first.",
        "worker.queues",
        default=("default",),
    )
    lease_s: float = setting(
        "Seconds after which the steps of a silent drain are taken over.",
        "worker.lease_s",
        default=30.0,
        at_least=1,
        at_most=3600,
    )
    heartbeat_s: float = setting(
        "Seconds between two renewals of a lease; at most a third of `worker.lease_s`.",
        "worker.heartbeat_s",
        default=5.0,
        at_least=0.1,
        at_most=1200,
    )
    poll_interval_s: float = setting(
        "Seconds between two looks into the database while there is no Redis to wake a drain.",
        "worker.poll_interval_s",
        default=0.25,
        at_least=0.01,
        at_most=60,
    )
    max_claim_batch: int = setting(
        "Most steps that a drain claims at once; fewer where steps take long.",
        "worker.max_claim_batch",
        "server.job_queue.max_dequeue_batch_size",
        default=300,
        at_least=1,
        at_most=1000,
    )
    recycle_after_steps: int = setting(
        "Steps after which a worker process is replaced; 0: never for this reason.",
        "worker.recycle_after_steps",
        default=100_000,
        at_least=0,
    )
    recycle_after_s: float = setting(
        "Seconds after which a worker process is replaced; 0: never for this reason.",
        "worker.recycle_after_s",
        default=3600.0,
        at_least=0,
    )
    recycle_above_bytes: int = setting(
        "Resident memory above which a worker process is replaced; 0: never for this reason.",
        "worker.recycle_above_bytes",
        default=512 * MIB,
        at_least=0,
    )
    restart_on_crash: bool = setting(
        "Whether the supervisor replaces a worker process that died.",
        "server.workers.restart_on_crash",
        default=True,
    )
    max_restart_attempts: int | None = setting(
        "Deaths in a row after which the supervisor gives up; unset: never.",
        "server.workers.max_restart_attempts",
        default=None,
        at_least=0,
    )
    restart_delay_s: float = setting(
        "Seconds to wait before a worker process that died at once is replaced.",
        "server.workers.restart_delay_seconds",
        default=1.0,
        at_least=0,
        at_most=3600,
    )


@dataclass(frozen=True, slots=True)
class CacheSettings:
    """What a process keeps in memory."""

    enabled: bool = setting(
        "Whether definitions are kept in memory once they were read.",
        "cache.enabled",
        default=True,
    )
    definitions: int = setting(
        "Definitions that one process keeps in memory; the one used longest ago goes first.",
        "cache.task_content_cache_size",
        "cache.task_cache.task_content_cache_size",
        default=100,
        env=("RATCHET_CACHE_SIZE",),
        at_least=1,
        at_most=1_000_000,
    )


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """Sizes above which input is refused; the refusal names the limit."""

    max_body_bytes: int = setting(
        "Largest request body; a larger one is answered 413.",
        "limits.max_body_bytes",
        default=10 * MIB,
        at_least=1024,
        at_most=1024 * MIB,
    )
    max_result_bytes: int = setting(
        "Largest result of one step, as JSON.",
        "limits.max_result_bytes",
        default=10 * MIB,
        at_least=1024,
        at_most=1024 * MIB,
    )
    max_json_depth: int = setting(
        "Deepest nesting of inputs and results.",
        "limits.max_json_depth",
        default=200,
        at_least=8,
        at_most=1000,
    )
    max_ready_age_s: float | None = setting(
        "Seconds that the oldest ready step of a queue may have waited: while it has waited"
        " longer, new runs for that queue are answered 429. Unset: runs are always taken.",
        "limits.max_ready_age_s",
        default=None,
        at_least=0.1,
        at_most=604_800,
    )
