"""A log file that several processes write and that is rotated by size.

Each line is one write in append mode; the rotation is guarded by a lock file, and a process that
finds another file under the name opens that one. Formats are not decided here.
"""

from __future__ import annotations

import contextlib
import fcntl
import gzip
import logging
import os
import shutil
from pathlib import Path

from ratchet_core.errors import ConfigurationError


class FileTarget(logging.Handler):
    """Appends lines to one file.

    Args:
        path: of the file; its directory is made.
        max_size_bytes: a file that has grown to this is rotated; 0: never.
        max_files: rotated files that are kept, `path.1` the youngest.
        compress: whether rotated files are compressed with gzip.

    Raises:
        ConfigurationError: the file cannot be written.
    """

    def __init__(
        self, path: Path, *, max_size_bytes: int = 0, max_files: int = 10, compress: bool = False
    ) -> None:
        super().__init__()
        self._path = path.absolute()
        self._max_size_bytes = max_size_bytes
        self._max_files = max_files
        self._suffix = ".gz" if compress else ""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._fd = self._open()
        except OSError as error:
            raise ConfigurationError(
                f"the log file {self._path} cannot be written: {error.strerror}",
            ) from None

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; an error is reported the way logging reports them."""
        try:
            raw = f"{self.format(record)}\n".encode("utf-8", "backslashreplace")
            self._follow()
            if self._is_full(len(raw)):
                self._rotate(len(raw))
            os.write(self._fd, raw)
        except OSError:
            self.handleError(record)

    def close(self) -> None:
        """Close the file."""
        with self.lock or contextlib.nullcontext():
            if self._fd >= 0:
                os.close(self._fd)
                self._fd = -1
        super().close()

    def _open(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)

    def _follow(self) -> None:
        """Open the file anew where another process, or a tool, has moved it away."""
        try:
            named = self._path.stat()
            mine = os.fstat(self._fd)
            if (named.st_dev, named.st_ino) == (mine.st_dev, mine.st_ino):
                return
        except FileNotFoundError:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        fd = self._open()
        os.close(self._fd)
        self._fd = fd

    def _is_full(self, more: int) -> bool:
        if self._max_size_bytes <= 0:
            return False
        size = os.fstat(self._fd).st_size
        return size > 0 and size + more > self._max_size_bytes

    def _rotate(self, more: int) -> None:
        lock_path = self._path.with_name(f"{self._path.name}.lock")
        lock = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            # somebody else may have rotated while we waited
            self._follow()
            if self._is_full(more):
                self._shift()
                self._follow()
        finally:
            os.close(lock)

    def _shift(self) -> None:
        if self._max_files == 0:
            self._path.unlink()
            return
        self._numbered(self._max_files).unlink(missing_ok=True)
        for number in range(self._max_files - 1, 0, -1):
            with contextlib.suppress(FileNotFoundError):
                self._numbered(number).replace(self._numbered(number + 1))
        if not self._suffix:
            self._path.replace(self._numbered(1))
            return
        moved = self._path.with_name(f"{self._path.name}.rotating")
        self._path.replace(moved)
        with moved.open("rb") as plain, gzip.open(self._numbered(1), "wb") as packed:
            shutil.copyfileobj(plain, packed)
        moved.unlink()

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}{self._suffix}")
