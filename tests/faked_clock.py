"""A wall clock for real processes that a test sets, by libfaketime; Debian's package `faketime`.

All processes under one clock see the same time, and it can be moved while they run. The monotonic
clock goes on as it is, as when somebody sets the clock of a host.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from tests.servers import missing

#: libfaketime 0.9.10 refuses absolute monotonic sleeps, which `time.sleep` makes, unless it is to
#: fake that clock, too; `select` waits as long without.
_CUSTOM = """
import select, time
time.sleep = lambda seconds: select.select([], [], [], seconds) and None
"""
_PLACES = ("/usr/lib", "/usr/lib64", "/usr/local/lib", "/opt/homebrew/lib")


class FakedClock:
    """One clock.

    Args:
        folder: of its file.
        at: the time that it begins with.
    """

    def __init__(self, folder: Path, at: datetime) -> None:
        self._file = folder / "clock"
        self._library = _library()
        self._custom = folder / "custom"
        self._custom.mkdir()
        (self._custom / "sitecustomize.py").write_text(_CUSTOM, encoding="ascii")
        self.set(at)

    @property
    def variables(self) -> dict[str, str]:
        """The environment that puts a process under the clock."""
        return {
            "PYTHONPATH": str(self._custom),
            "LD_PRELOAD": self._library,
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }

    def set(self, at: datetime) -> None:
        """Move the clock of all processes under it."""
        away = self._file.with_suffix(".new")
        away.write_text(f"{(at - datetime.now(UTC)).total_seconds():+.3f}\n", encoding="ascii")
        away.replace(self._file)


def _library() -> str:
    found = [
        path
        for place in _PLACES
        for path in sorted(Path(place).glob("**/faketime/libfaketimeMT.so.1"))
    ]
    return str(found[0]) if found else missing("libfaketime", "install Debian's package `faketime`")
