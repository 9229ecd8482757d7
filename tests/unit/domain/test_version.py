"""Versions: semver.org order, and which one is the latest."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratchet_core.domain.version import Version, is_version, latest

#: semver.org, item 11, in rising order.
RISING = [
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0",
    "1.9.0",
    "1.10.0",
]


def test_versions_order_as_semver_says() -> None:
    assert sorted([*RISING[5:], *RISING[:5]], key=Version) == RISING


def test_ten_is_later_than_nine() -> None:
    assert latest(["1.9.0", "1.10.0"]) == "1.10.0"


def test_a_prerelease_is_the_latest_only_without_any_release() -> None:
    assert latest(["1.0.0", "2.0.0-rc.1"]) == "1.0.0"
    assert latest(["2.0.0-rc.1", "2.0.0-rc.2"]) == "2.0.0-rc.2"
    assert latest([]) is None


@pytest.mark.parametrize(
    "text",
    ["1", "1.0", "01.0.0", "1.0.0.0", "v1.0.0", "", "1.0.0-", "1.0.0-01", "1.0.0\n", "१.0.0"],
)
def test_what_is_no_semantic_version_is_refused(text: str) -> None:
    assert not is_version(text)
    with pytest.raises(ValueError, match="is not a semantic version"):
        Version(text)


@given(st.text(max_size=200))
def test_any_text_is_answered(text: str) -> None:
    assert is_version(text) in (True, False)
