"""Tests that each setting either is read by the product or is said to have no effect."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from ratchet_core.config.catalogue import entries
from ratchet_core.config.unread import UNREAD

ROOT = Path(__file__).parents[3]

#: What reads settings on behalf of its callers: attribute or function, to the groups or paths.
READERS: Final[Mapping[str, tuple[str, ...]]] = {
    "is_on": ("auth.authentication_enabled", "auth.jwt_secret"),
    "check_bind": ("server.allow_unauthenticated",),
    "effective_rate_limit": ("server.rate_limit.",),
    "worker_processes": ("worker.worker_count", "execution.max_concurrent_steps"),
    "directories": ("registry.paths", "registry.sources"),
    "configure_logging": ("logging.",),
    "make_tracing": ("tracing.",),
    "of": ("plugins.settings",),
    "limits_of": ("logs.max_line", "logs.max_bytes"),
    "retention_of": ("retention.keep_days", "retention.namespaces"),
}

#: Settings whose readers are being built; each leaves this list when it is read.
IN_PROGRESS: Final = frozenset(
    {
        "server.tls.min_version",
        "execution.timeout_grace_period_s",
        "execution.max_concurrent_steps",
        "worker.worker_count",
        "worker.queues",
        "worker.heartbeat_s",
        "worker.max_claim_batch",
        "worker.recycle_after_steps",
        "worker.recycle_after_s",
        "worker.recycle_above_bytes",
        "worker.restart_on_crash",
        "worker.max_restart_attempts",
        "worker.restart_delay_s",
        "registry.poll_interval_s",
        "logging.level",
        "logging.format",
        "logging.include_location",
        "logging.enrich_with",
        "logging.declared_targets",
        "logging.log_to_file",
        "logging.log_file_path",
        "logging.file_max_size_bytes",
        "logging.file_max_files",
        "logging.file_compress",
        "development.validate_on_startup",
    },
)


def sources() -> Iterator[ast.Module]:
    """Yield the syntax tree of every module that is neither `config`, `telemetry` nor a test."""
    for path in (*ROOT.glob("ratchet_core/**/*.py"), *ROOT.glob("plugins/*/src/**/*.py")):
        room = path.relative_to(ROOT).parts[1]
        if room not in {"config", "telemetry"}:
            yield ast.parse(path.read_text(encoding="utf-8"))


def find_read() -> set[str]:
    """Return the paths of all settings that are read: as `group.name`, or through a reader."""
    pairs: set[tuple[str, str]] = set()
    readers: set[str] = set()
    for tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute):
                owner = node.value
                name = getattr(owner, "attr", getattr(owner, "id", ""))
                pairs.add((name.lstrip("_"), node.attr))
                readers.add(node.attr)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                readers.add(node.func.id)
    read = set()
    for entry in entries():
        *groups, name = ["settings", *entry.path.split(".")]
        through = [path for reader in readers for path in READERS.get(reader, ())]
        if (groups[-1], name) in pairs or any(entry.path.startswith(path) for path in through):
            read.add(entry.path)
    return read


def test_each_setting_is_read_or_said_to_have_no_effect() -> None:
    paths = {entry.path for entry in entries()}

    assert sorted(paths - find_read() - UNREAD.keys() - IN_PROGRESS) == []


def test_no_setting_that_is_read_is_said_to_have_no_effect() -> None:
    assert sorted(UNREAD.keys() & find_read()) == []


def test_only_settings_are_said_to_have_no_effect() -> None:
    assert sorted({*UNREAD, *IN_PROGRESS} - {entry.path for entry in entries()}) == []
