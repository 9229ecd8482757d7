"""Settings of retention: how long finished runs are kept, and what becomes of them then."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ratchet_core.config.setting import setting

_DAY_S = 86_400.0
_CENTURY_DAYS = 36_525


@dataclass(frozen=True, slots=True)
class NamespaceRetention:
    """How long runs of one namespace are kept (an item of `retention.namespaces`)."""

    namespace: str  #: of the workflows
    keep_days: float  #: days after their end; 0: for ever


@dataclass(frozen=True, slots=True)
class RetentionSettings:
    """How long finished runs are kept, with their steps, events and logs."""

    enabled: bool = setting(
        "Whether the scheduler process deletes runs that have been finished for long.",
        "retention.enabled",
        default=True,
    )
    keep_days: float = setting(
        "Days after their end for which finished runs are kept; 0: for ever.",
        "retention.keep_days",
        default=30.0,
        at_least=0,
        at_most=_CENTURY_DAYS,
    )
    namespaces: tuple[NamespaceRetention, ...] = setting(
        "Namespaces whose runs are kept for another time: `namespace` and `keep_days`.",
        "retention.namespaces",
        default=(),
        in_environment=False,
    )
    export_dir: Path | None = setting(
        "Directory to which runs are exported as JSON lines before they are deleted.",
        "retention.export_dir",
        default=None,
    )
    interval_s: float = setting(
        "Seconds between two looks for runs that are to be deleted.",
        "retention.interval_s",
        default=60.0,
        at_least=1,
        at_most=_DAY_S,
    )

    @property
    def keep_s(self) -> float | None:
        """Seconds for which finished runs are kept; None: for ever."""
        return self.keep_days * _DAY_S or None

    @property
    def keep_s_by_namespace(self) -> dict[str, float | None]:
        """The same for the namespaces that have a time of their own."""
        return {item.namespace: item.keep_days * _DAY_S or None for item in self.namespaces}
