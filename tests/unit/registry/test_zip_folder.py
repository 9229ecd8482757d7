"""Zip files: the good ones load, the hostile ones are refused with the entry named."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from collections.abc import Mapping

import pytest

from ratchet_core.registry.folder import MAX_ENTRIES
from tests.unit.registry.conftest import Load

SCRIPT = "(x => x)"


def packed(files: Mapping[str, str | bytes], modes: Mapping[str, int] | None = None) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (modes or {}).get(name, stat.S_IFREG | 0o644) << 16
            archive.writestr(entry, content)
    return buffer.getvalue()


def names(load: Load, data: bytes) -> list[str]:
    loaded = load({"pack.zip": data})
    assert [problem.message for problem in loaded.problems] == []
    return [found.definition.name for found in loaded.definitions]


def reason(load: Load, data: bytes) -> str:
    loaded = load({"pack.zip": data, "good.js": SCRIPT})
    assert [found.definition.name for found in loaded.definitions] == ["good"]
    (problem,) = loaded.problems
    assert problem.file.endswith("pack.zip")
    return problem.reason


def test_metadata_may_lie_at_the_root(load: Load) -> None:
    files = {"metadata.json": '{"name": "add"}', "main.js": SCRIPT, "lib/a.js": "1"}

    assert names(load, packed(files)) == ["add"]


def test_metadata_may_lie_one_folder_down(load: Load) -> None:
    files: dict[str, str | bytes] = {
        "add/metadata.json": "{}",
        "add/main.js": SCRIPT,
        "__MACOSX/add/._main.js": b"\0",
    }

    assert names(load, packed(files)) == ["add"]


def test_the_root_wins_over_a_copy_below(load: Load) -> None:
    files = {
        "metadata.json": '{"name": "root"}',
        "main.js": SCRIPT,
        "add/metadata.json": '{"name": "nested"}',
        "add/main.js": SCRIPT,
    }

    assert names(load, packed(files)) == ["root"]


def test_a_task_without_a_name_is_named_by_the_zip_file(load: Load) -> None:
    assert names(load, packed({"metadata.json": "{}", "main.js": SCRIPT})) == ["pack"]


def test_a_zip_file_may_hold_several_tasks_and_one_broken_stops_no_other(load: Load) -> None:
    files = {
        "a/metadata.json": "{",
        "a/main.js": SCRIPT,
        "b/metadata.json": "{}",
        "b/main.js": SCRIPT,
        "b/tests/one.json": '{"input": 1, "expected_output": 1}',
    }

    loaded = load({"pack.zip": packed(files)})

    (found,) = loaded.definitions
    assert found.definition.name == "b"
    assert [case.name for case in found.test_cases] == ["one"]
    assert [problem.file.endswith("pack.zip/a/metadata.json") for problem in loaded.problems] == [
        True
    ]


@pytest.mark.parametrize(
    "name",
    [
        "../evil.js",
        "a/../../evil.js",
        "/etc/evil.js",
        "a\\..\\evil.js",
        "C:/evil.js",
        "a//b.js",
        "./a.js",
    ],
)
def test_an_unsafe_entry_name_is_refused_and_named(load: Load, name: str) -> None:
    said = reason(load, packed({"metadata.json": "{}", "main.js": SCRIPT, name: "x"}))

    assert "unsafe name" in said
    assert repr(name) in said


def test_a_symbolic_link_is_refused(load: Load) -> None:
    files = {"metadata.json": "{}", "main.js": "/etc/passwd"}

    said = reason(load, packed(files, {"main.js": stat.S_IFLNK | 0o777}))

    assert said == "the entry 'main.js' is a link or device; pack plain files only"


def test_a_bomb_of_one_file_is_refused(load: Load) -> None:
    data = packed({"metadata.json": "{}", "main.js": b" " * 5_000_000})

    assert len(data) < 10_000
    assert "'main.js' unpacks to more than 1000000 bytes" in reason(load, data)


def test_a_bomb_of_many_files_is_refused(load: Load) -> None:
    files = {f"lib/{number}.js": b" " * 900_000 for number in range(20)}

    assert "all together 10000000" in reason(load, packed({"metadata.json": "{}", **files}))


def test_a_size_that_lies_does_not_help(load: Load) -> None:
    data = packed({"metadata.json": "{}", "main.js": b" " * 5_000_000})
    lying = data.replace(struct.pack("<I", 5_000_000), struct.pack("<I", 10))

    said = reason(load, lying)

    assert lying != data
    assert "'main.js'" in said


def test_too_many_entries_are_refused(load: Load) -> None:
    files = {f"{number}.txt": "" for number in range(MAX_ENTRIES + 1)}

    assert "1001 entries are more than 1000" in reason(load, packed(files))


def test_an_encrypted_entry_is_refused(load: Load) -> None:
    data = bytearray(packed({"metadata.json": "{}"}))
    central = data.index(b"PK\x01\x02")
    data[central + 8] |= 1

    assert "is encrypted" in reason(load, bytes(data))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_entry_that_is_there_twice_is_refused(load: Load) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("metadata.json", "{}")

    assert "'metadata.json' is there twice" in reason(load, buffer.getvalue())


@pytest.mark.parametrize("data", [b"", b"PK", b"no zip file at all" * 100])
def test_what_is_no_zip_file_is_refused(load: Load, data: bytes) -> None:
    assert "cannot be read as a zip file" in reason(load, data)


def test_a_zip_file_without_a_task_is_refused(load: Load) -> None:
    assert "no metadata.json" in reason(load, packed({"a/b/metadata.json": "{}"}))


def test_any_broken_byte_ends_in_a_problem_or_a_task(load: Load) -> None:
    data = packed({"metadata.json": '{"name": "add"}', "main.js": SCRIPT})

    for at in range(0, len(data), 3):
        broken = bytearray(data)
        broken[at] ^= 0xFF
        loaded = load({"pack.zip": bytes(broken)})
        assert len(loaded.definitions) + len(loaded.problems) >= 1
