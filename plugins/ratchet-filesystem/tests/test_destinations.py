"""Files and lines: whole or not at all, where they are meant to be, in every format."""

from __future__ import annotations

import stat
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from ratchet_core.sdk import (
    Delivered,
    DeliveryFailed,
    DeliveryView,
    PermanentError,
    RunInfo,
)
from ratchet_filesystem import FilesystemDestination, StdioDestination


def delivery(options: Mapping[str, Any], output: Any = None, **variables: Any) -> DeliveryView:
    body = orjson.dumps({"total": 42} if output is None else output)
    return DeliveryView(
        id="0190-delivery",
        attempt=1,
        destination="files",
        options=options,
        run=RunInfo(id="run-1", namespace="default", workflow="w", version="1.0.0"),
        state="completed",
        body=body,
        variables={"job_id": "run-1", "task_name": "w", **variables},
        created_at=datetime.now(UTC),
        deadline=time.monotonic() + 10,
    )


def test_an_output_becomes_a_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "{{task_name}}_{{job_id}}.json"

    outcome = FilesystemDestination().deliver(delivery({"path": str(path), "permissions": "640"}))

    file = tmp_path / "new" / "w_run-1.json"
    assert outcome == Delivered(details={"path": str(file), "bytes": len(file.read_bytes())})
    assert orjson.loads(file.read_bytes()) == {"total": 42}
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize(
    ("options", "output", "expected"),
    [
        ({}, {"a": 1}, b'{\n  "a": 1\n}\n'),
        ({"format": "json_compact"}, {"a": 1}, b'{"a":1}'),
        ({"format": "yaml"}, {"b": [1, "\u00fc"]}, "b:\n- 1\n- ü\n".encode()),
        ({"format": "raw"}, "as it is", b"as it is"),
        ({"format": "raw"}, [1], b"[1]"),
        ({"format": "template", "template": "{{job_id}}: {{n}}"}, None, b"run-1: 7"),
        ({"format": "csv"}, [{"a": 1, "b": "x"}, {"a": None, "c": {"d": 1}}],
         b'a,b,c\r\n1,x,\r\n,,"{""d"":1}"\r\n'),
        ({"format": "csv"}, [[1, "=2+3"]], b"1,'=2+3\r\n"),
    ],
)  # fmt: skip
def test_formats(tmp_path: Path, options: Mapping[str, Any], output: Any, expected: bytes) -> None:
    path = tmp_path / "out"

    FilesystemDestination().deliver(delivery({"path": str(path), **options}, output, n=7))

    assert path.read_bytes() == expected


def test_what_is_no_table_is_no_csv(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="no table"):
        FilesystemDestination().deliver(
            delivery({"path": str(tmp_path / "x"), "format": "csv"}, [1, 2])
        )


@pytest.mark.parametrize("name", ["../../etc/passwd", "..", "a/../../b", "a\0b"])
def test_no_output_chooses_where_its_file_goes(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "fixed"
    options = {"path": f"{folder}/{{{{name}}}}"}

    with pytest.raises(PermanentError, match="path"):
        FilesystemDestination().deliver(delivery(options, name=name))

    assert not folder.exists() or not list(folder.iterdir())


def test_a_link_out_of_the_fixed_directory_is_no_way(tmp_path: Path) -> None:
    folder = tmp_path / "fixed"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path)

    with pytest.raises(PermanentError, match="leads out"):
        FilesystemDestination().deliver(
            delivery({"path": f"{folder}/{{{{name}}}}"}, name="link/out")
        )


def test_a_file_is_kept_where_overwriting_is_off(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_text("first", encoding="utf-8")

    outcome = FilesystemDestination().deliver(delivery({"path": str(path), "overwrite": False}))

    assert isinstance(outcome, DeliveryFailed)
    assert (outcome.code, outcome.retryable) == ("FILE_EXISTS", False)
    assert path.read_text(encoding="utf-8") == "first"
    assert list(tmp_path.iterdir()) == [path]


def test_what_was_there_is_kept_as_a_backup(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_text("first", encoding="utf-8")

    FilesystemDestination().deliver(delivery({"path": str(path), "backup_existing": True}))

    assert (tmp_path / "out.0190-delivery.bak").read_text(encoding="utf-8") == "first"
    assert orjson.loads(path.read_bytes()) == {"total": 42}


def test_a_folder_that_is_not_there_is_tried_again(tmp_path: Path) -> None:
    options = {"path": str(tmp_path / "no" / "out"), "create_dirs": False}

    outcome = FilesystemDestination().deliver(delivery(options))

    assert isinstance(outcome, DeliveryFailed)
    assert (outcome.code, outcome.retryable) == ("FILE_NOT_WRITTEN", True)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({}, "path: is missing"),
        ({"path": "{{name}}.json"}, "path: must begin with a fixed directory"),
        ({"path": "/x", "format": "xml"}, "format: must be one of"),
        ({"path": "/x", "format": "template"}, "template: is missing"),
        ({"path": "/x", "permissions": "999"}, "permissions: must be octal"),
        ({"path": "/x", "overwrite": "yes"}, "overwrite: must be true or false"),
        ({"path": "/x", "colour": "red"}, "colour: unknown key"),
    ],
)
def test_bad_options_are_named(options: Mapping[str, Any], problem: str) -> None:
    [found] = FilesystemDestination().check(options)

    assert found.startswith(problem)


def test_a_line_per_output(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    StdioDestination().deliver(delivery({"prefix": "> "}))
    StdioDestination().deliver(delivery({"stream": "stderr", "include_metadata": True}))

    out, err = capfdbinary.readouterr()
    assert out == b'> {"total":42}\n'
    assert orjson.loads(err)["job_id"] == "run-1"


def test_streams_that_are_none_are_named() -> None:
    assert list(StdioDestination().check({"stream": "stdlog"})) == [
        "stream: must be one of stdout, stderr"
    ]
