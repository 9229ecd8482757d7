"""The output destination `filesystem`: one file per delivery, whole or not there at all."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

from ratchet_core.sdk import (
    Delivered,
    DeliveryFailed,
    DeliveryOutcome,
    DeliveryView,
    OutputDestination,
    PermanentError,
)
from ratchet_filesystem.formats import formatted, problems

_KEYS: Final = (
    *("path", "format", "template", "permissions", "create_dirs", "overwrite"),
    *("backup_existing", "retry_policy", "timeout_seconds"),
)
_FLAGS: Final = ("create_dirs", "overwrite", "backup_existing")
_DEFAULT_MODE: Final = "644"


class FilesystemDestination(OutputDestination):
    """Writes outputs to files."""

    name: ClassVar[str] = "filesystem"
    #: Where a file may be written is for whoever configures, not for whoever may run.
    named_by_runs: ClassVar[bool] = False

    def check(self, options: Mapping[str, Any]) -> Sequence[str]:
        """Return what is wrong with a destination's options."""
        found = [
            f"{key}: unknown key; there are {', '.join(_KEYS)}"
            for key in options
            if key not in _KEYS
        ]
        found += _path_problems(options.get("path"))
        found += problems(options)
        found += [
            f"{key}: must be true or false"
            for key in _FLAGS
            if not isinstance(options.get(key, True), bool)
        ]
        mode = str(options.get("permissions", _DEFAULT_MODE))
        if not re.fullmatch(r"0?[0-7]{3}", mode):
            found.append('permissions: must be octal, such as "644"')
        return found

    def deliver(self, delivery: DeliveryView) -> DeliveryOutcome:
        """Write one output; a file that is there is replaced as a whole."""
        options = delivery.options
        path = _path(delivery)
        content = formatted(delivery, options)
        mode = int(str(options.get("permissions", _DEFAULT_MODE)), 8)
        try:
            if options.get("create_dirs", True):
                path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, content, mode, options, delivery.id)
        except FileExistsError:
            message = f"{path} is there already, and `overwrite` is false"
            return DeliveryFailed(message=message, code="FILE_EXISTS", retryable=False)
        except OSError as error:
            message = f"{path} cannot be written: {error.strerror or error}"
            return DeliveryFailed(message=message, code="FILE_NOT_WRITTEN")
        return Delivered(details={"path": str(path), "bytes": len(content)})


def _path_problems(path: Any) -> list[str]:
    if not isinstance(path, str) or not path.strip():
        return ["path: is missing"]
    if "{{" in path and "/" not in path.partition("{{")[0]:
        return ["path: must begin with a fixed directory, so that no output chooses where it goes"]
    return []


def _path(delivery: DeliveryView) -> Path:
    """Return where the file goes: below what is fixed in the path, whatever an output says.

    Raises:
        PermanentError: the rendered path leads elsewhere.
    """
    template = str(delivery.options["path"])
    rendered = str(delivery.render(template))
    path = Path(os.path.normpath(rendered)).absolute()
    if "\0" in rendered or not path.name:
        raise PermanentError("the path is no file name", code="BAD_PATH")
    if "{{" in template:
        fixed = Path(os.path.normpath(template.partition("{{")[0].rpartition("/")[0] or "/"))
        if not path.parent.resolve().is_relative_to(fixed.absolute().resolve()):
            raise PermanentError(f"the path leads out of {fixed}", code="BAD_PATH")
    return path


def _write(
    path: Path, content: bytes, mode: int, options: Mapping[str, Any], delivery_id: str
) -> None:
    """Write beside the file and put it in place at once, synced."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.")
    fresh = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        if not options.get("overwrite", True):
            os.link(fresh, path)  # refuses what is there already, whoever made it
            return
        if options.get("backup_existing", False) and path.exists():
            path.replace(path.with_name(f"{path.name}.{delivery_id}.bak"))
        fresh.replace(path)
        _sync(path.parent)
    finally:
        with contextlib.suppress(FileNotFoundError):
            fresh.unlink()


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
