"""A folder of definition files, on disk or inside a zip file: names in, texts out.

Everything that comes out of a zip file is bounded before it is unpacked; nothing is written.
"""

from __future__ import annotations

import lzma
import stat
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Final, Protocol

from ratchet_core.errors import DefinitionError
from ratchet_core.registry.document import MAX_FILE_BYTES, decode_text

#: Most entries of a zip file.
MAX_ENTRIES: Final = 1_000
#: Most bytes that all entries of a zip file may unpack to.
MAX_UNPACKED_BYTES: Final = 10_000_000
#: Largest zip file that is opened.
MAX_ZIP_BYTES: Final = 10_000_000

_ENCRYPTED: Final = 0x1
_BROKEN_STREAM: Final = (
    EOFError,
    OSError,
    RuntimeError,  # an unknown compression, too
    ValueError,
    lzma.LZMAError,
    zipfile.BadZipFile,
    zlib.error,
)
_KEPT_KINDS: Final = frozenset({0, stat.S_IFREG, stat.S_IFDIR})


class Folder(Protocol):
    """Files by relative path."""

    @property
    def label(self) -> str:
        """Return the path as the user knows it."""
        ...

    @property
    def name(self) -> str:
        """Return the last part of the path, for a task that has no other name."""
        ...

    def has(self, path: str) -> bool:
        """Tell whether there is a file of that relative path."""
        ...

    def names(self, below: str, ending: str) -> Sequence[str]:
        """Return the relative paths of the files directly in `below`, sorted."""
        ...

    def read(self, path: str) -> str:
        """Return the text of a file.

        Raises:
            DefinitionError: it is missing, unreadable, too large or not UTF-8.
        """
        ...


class DiskFolder:
    """A directory."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def label(self) -> str:
        """Return the path as the user knows it."""
        return str(self._path)

    @property
    def name(self) -> str:
        """Return the directory's name."""
        return self._path.name or self._path.resolve().name

    def has(self, path: str) -> bool:
        """Tell whether there is a file of that relative path."""
        return (self._path / path).is_file()

    def names(self, below: str, ending: str) -> Sequence[str]:
        """Return the relative paths of the files directly in `below`, sorted."""
        folder = self._path / below
        if not folder.is_dir():
            return []
        names = sorted(
            f"{below}/{entry.name}" if below else entry.name
            for entry in folder.iterdir()
            if entry.name.endswith(ending) and not entry.name.startswith(".") and entry.is_file()
        )
        for name in names:
            if not is_unicode(name):
                raise DefinitionError("the file's name is not UTF-8", file=f"{self.label}/{name}")
        return names

    def read(self, path: str) -> str:
        """Return the text of a file."""
        return read_text(self._path / path)


def is_unicode(name: str) -> bool:
    """Tell whether a file's name is text that can be stored and shown."""
    return not any("\ud800" <= character <= "\udfff" for character in name)


def read_text(path: Path) -> str:
    """Return the text of a file on disk.

    Raises:
        DefinitionError: it is missing, unreadable, too large or not UTF-8.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        reason = f"cannot be read: {error.strerror or error}"
        raise DefinitionError(reason, file=str(path)) from None
    return decode_text(data, str(path))


class ZipFolder:
    """A folder inside a zip file that `open_zip` has checked and read."""

    def __init__(self, zip_label: str, prefix: str, files: dict[str, bytes]) -> None:
        self._prefix = prefix
        self._files = files
        self._zip_label = zip_label

    @property
    def label(self) -> str:
        """Return the zip file's path, with the folder inside it."""
        return f"{self._zip_label}/{self._prefix}".rstrip("/")

    @property
    def name(self) -> str:
        """Return the folder's name, or that of the zip file without its ending."""
        return self._prefix.rstrip("/") or PurePosixPath(self._zip_label).stem

    def has(self, path: str) -> bool:
        """Tell whether there is a file of that relative path."""
        return self._prefix + path in self._files

    def names(self, below: str, ending: str) -> Sequence[str]:
        """Return the relative paths of the files directly in `below`, sorted."""
        start = f"{self._prefix}{below}/" if below else self._prefix
        return sorted(
            name.removeprefix(self._prefix)
            for name in self._files
            if name.startswith(start) and name.endswith(ending) and "/" not in name[len(start) :]
        )

    def read(self, path: str) -> str:
        """Return the text of a file."""
        label = f"{self._zip_label}/{self._prefix}{path}"
        if not self.has(path):
            raise DefinitionError("there is no such file in the zip file", file=label)
        return decode_text(self._files[self._prefix + path], label)


def open_zip(path: Path) -> list[ZipFolder]:
    """Return the task folders of a zip file: its root, or the folders one down.

    A folder counts where it holds a `metadata.json`; the root wins over folders below.

    Raises:
        DefinitionError: not a zip file, over a limit, or an entry with an unsafe name or kind.
    """
    files = _read_zip(path)
    folders = sorted(name for name in files if PurePosixPath(name).name == "metadata.json")
    if "metadata.json" in folders:
        return [ZipFolder(str(path), "", files)]
    prefixes = [name.removesuffix("metadata.json") for name in folders if name.count("/") == 1]
    if not prefixes:
        reason = "no metadata.json at the root of the zip file or one folder down"
        raise DefinitionError(reason, file=str(path))
    return [ZipFolder(str(path), prefix, files) for prefix in prefixes]


def _read_zip(path: Path) -> dict[str, bytes]:
    try:
        if path.stat().st_size > MAX_ZIP_BYTES:
            reason = f"the zip file is larger than {MAX_ZIP_BYTES} bytes"
            raise DefinitionError(reason, file=str(path))
        with zipfile.ZipFile(path) as archive:
            return _read_entries(archive, str(path))
    # zipfile raises any of these for files that only look like zip files
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, NotImplementedError) as error:
        raise DefinitionError(f"cannot be read as a zip file: {error}", file=str(path)) from None


def _read_entries(archive: zipfile.ZipFile, label: str) -> dict[str, bytes]:
    entries = archive.infolist()
    if len(entries) > MAX_ENTRIES:
        reason = f"{len(entries)} entries are more than {MAX_ENTRIES}"
        raise DefinitionError(reason, file=label)
    files: dict[str, bytes] = {}
    left = MAX_UNPACKED_BYTES
    for entry in entries:
        _check_entry(entry, label)
        if entry.is_dir() or entry.filename.startswith("__MACOSX/"):
            continue
        if entry.filename in files:
            reason = f"the entry {entry.filename!r} is there twice"
            raise DefinitionError(reason, file=label)
        data = _unpack(archive, entry, label, left)
        left -= len(data)
        files[entry.filename] = data
    return files


def _check_entry(entry: zipfile.ZipInfo, label: str) -> None:
    """Refuse entries that could leave the folder, or are not plain files."""
    shown = repr(entry.orig_filename[:200])
    parts = entry.orig_filename.removesuffix("/").split("/")
    is_unsafe = "\\" in entry.orig_filename or "\0" in entry.orig_filename or ":" in parts[0]
    if is_unsafe or any(part in {"", ".", ".."} for part in parts):
        reason = f"the entry {shown} has an unsafe name; pack relative paths only"
        raise DefinitionError(reason, file=label)
    if stat.S_IFMT(entry.external_attr >> 16) not in _KEPT_KINDS:
        reason = f"the entry {shown} is a link or device; pack plain files only"
        raise DefinitionError(reason, file=label)
    if entry.flag_bits & _ENCRYPTED:
        reason = f"the entry {shown} is encrypted; pack it without a password"
        raise DefinitionError(reason, file=label)


def _unpack(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, label: str, left: int) -> bytes:
    """Unpack one entry, never more than the limits allow, whatever its header says."""
    limit = min(left, MAX_FILE_BYTES)
    try:
        with archive.open(entry) as file:
            data = file.read(limit + 1)
    except _BROKEN_STREAM as error:
        reason = f"the entry {entry.filename!r} cannot be unpacked: {error}"
        raise DefinitionError(reason, file=label) from None
    if len(data) > limit:
        reason = (
            f"the entry {entry.filename!r} unpacks to more than {limit} bytes; one file may have "
            f"{MAX_FILE_BYTES}, all together {MAX_UNPACKED_BYTES}"
        )
        raise DefinitionError(reason, file=label)
    return data
