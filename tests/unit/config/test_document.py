"""Tests of reading the file: YAML 1.2, places, variables, and files that nobody should write."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratchet_core.config.document import read_document, scalar_of_text, substitute
from ratchet_core.config.place import Place
from ratchet_core.errors import ConfigurationError

HERE = Place("file.yaml", "key", 3)


def read(tmp_path: Path, raw: str | bytes, environ: dict[str, str] | None = None) -> object:
    """Return what a file with this content holds."""
    path = tmp_path / "conf.yaml"
    path.write_bytes(raw.encode() if isinstance(raw, str) else raw)
    return read_document(path, environ or {}).plain()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("False", False),
        ("on", "on"),
        ("yes", "yes"),
        ("No", "No"),
        ("y", "y"),
        ("null", None),
        ("~", None),
        ("", None),
        ("12", 12),
        ("-0", 0),
        ("0o17", 15),
        ("0x1f", 31),
        ("010", 10),
        ("1_000", "1_000"),
        ("12:30:45", "12:30:45"),
        ("2026-11-22", "2026-11-22"),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("1.10.0", "1.10.0"),
        ("'true'", "true"),
        ('"12"', "12"),
    ],
)
def test_scalars_are_read_as_yaml_1_2_has_them(tmp_path: Path, text: str, value: object) -> None:
    found = read(tmp_path, f"key: {text}")

    assert found == {"key": value}
    assert isinstance(found, dict)
    assert type(found["key"]) is type(value)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ("a: 1\na: 2", r"conf\.yaml:2: a: stands twice; the first time in line 1"),
        ("a: [1, 2", r"conf\.yaml:1: is no valid YAML"),
        ("a: 'x", r"is no valid YAML"),
        ("a: 1\n\tb: 2", r"conf\.yaml:2: is no valid YAML"),
        ("- a\n- b", r"must be a mapping of sections"),
        ("just a text", r"must be a mapping of sections"),
        ("a: 1\n---\nb: 2", r"is no valid YAML"),
        ("? [a]\n: 1", r"a key must be a text"),
        ("a: !!python/object/apply:os.system [id]", r"the tag .*python/object.* is not supported"),
        ("a: !mine 5", r"the tag !mine is not supported"),
        ("a: !!int x", r"'x' is no number"),
        ("a: !!bool on", r"is not supported"),
        ("a: &x [*x]", r"nested deeper than 64"),
        ("a: " + "[" * 10_000 + "]" * 10_000, r"nested deeper than 64"),
        ("a: " + "{b: " * 70 + "1" + "}" * 70, r"nested deeper than 64"),
        (b"a: \xff\xfe", r"is not UTF-8 \(byte 3\)"),
        ("a: \x00b", r"is no valid YAML"),
        ('a: "x\\0y"', r"a: holds a NUL character"),
        ('a: "\\ud800"', r"a: holds half of a surrogate pair"),
        ('"\\0": 1', r"holds a NUL character"),
        ("a: 1 # " + "x" * 1024 * 1024, r"is larger than 1048576 bytes"),
        ("a: *nowhere", r"is no valid YAML"),
    ],
)
def test_files_that_are_wrong_are_refused_with_a_reason(
    tmp_path: Path, raw: str | bytes, message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        read(tmp_path, raw)


def test_aliases_that_multiply_are_stopped(tmp_path: Path) -> None:
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]

    with pytest.raises(ConfigurationError, match="holds more than 100000 values"):
        read(tmp_path, "\n".join(rows))


def test_a_directory_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: Is a directory"):
        read_document(tmp_path, {})


def test_a_byte_order_mark_is_no_harm(tmp_path: Path) -> None:
    assert read(tmp_path, b"\xef\xbb\xbfa: 1") == {"a": 1}


def test_values_know_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "conf.yaml"
    path.write_text("a:\n  b:\n    - x\n    - c: 1\n")

    document = read_document(path, {})

    assert isinstance(document.content, dict)
    a = document.content["a"]
    assert isinstance(a.content, dict)
    b = a.content["b"]
    assert isinstance(b.content, list)
    assert isinstance(b.content[1].content, dict)
    place = b.content[1].content["c"].place
    assert (place.key, place.line) == ("a.b[1].c", 4)


@pytest.mark.parametrize(
    ("text", "resolved"),
    [
        ("${A}", "1"),
        ("x${A}y${A}", "x1y1"),
        ("${B:-two}", "two"),
        ("${EMPTY:-two}", "two"),
        ("${EMPTY}", ""),
        ("${A:-two}", "1"),
        ("${B:-}", ""),
        ("$${A}", "${A}"),
        ("$A {{signature}} $", "$A {{signature}} $"),
        ("${REFERS}", "${A}"),
    ],
)
def test_variables_are_resolved_once(text: str, resolved: str) -> None:
    environ = {"A": "1", "EMPTY": "", "REFERS": "${A}"}

    assert substitute(text, environ, HERE) == resolved


@pytest.mark.parametrize("text", ["${B}", "a${B}b", "${A}${B}"])
def test_an_unset_variable_is_refused_naming_file_key_and_variable(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"file\.yaml:3: key: .* variable B is not set"):
        substitute(text, {"A": "secret-value"}, HERE)


@pytest.mark.parametrize("text", ["${}", "${1A}", "${A", "${A B}", "${A:?x}", "${"])
def test_malformed_references_are_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"write '\$\$\{' for itself"):
        substitute(text, {"A": "1"}, HERE)


def test_a_number_from_a_variable_is_read_as_one_only_where_one_is_expected(
    tmp_path: Path,
) -> None:
    assert read(tmp_path, "port: ${P}", {"P": "80"}) == {"port": "80"}


@given(st.text())
def test_any_text_without_a_dollar_stays_as_it_is(text: str) -> None:
    plain = text.replace("$", "")

    assert substitute(plain, {}, HERE) == plain


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the path of a file that each example overwrites."""
    return tmp_path_factory.mktemp("fuzz") / "conf.yaml"


@given(raw=st.binary(max_size=300) | st.text(alphabet="a:-[]{}&*!$ \n'\"#|>?1", max_size=80))
def test_any_content_is_read_or_refused_naming_the_file(raw: bytes | str, fuzzed: Path) -> None:
    fuzzed.write_bytes(raw if isinstance(raw, bytes) else raw.encode())

    try:
        outcome: object = read_document(fuzzed, {}).plain()
    except ConfigurationError as error:
        outcome = error.message

    assert isinstance(outcome, dict) or str(fuzzed) in str(outcome)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("true", True),
        ("on", "on"),
        ("", ""),
        ("null", "null"),
        ("1.5", 1.5),
        ("a b", "a b"),
    ],
)
def test_a_text_of_the_environment_is_read_like_a_plain_scalar(text: str, value: object) -> None:
    assert scalar_of_text(text) == value
