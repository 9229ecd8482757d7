from __future__ import annotations

from typing import Any

import pytest
from marshmallow import ValidationError
from marshmallow.fields import Field

from ratchet_core.api.door.field import Choice, CommaList, Json, Logical, Seconds, Whole, Word
from ratchet_core.api.door.paging import MAX_PER_PAGE, page_window, pagination
from ratchet_core.api.door.priority import Priority


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        (Whole(1, 1000), "1000", 1000),
        (Seconds(60), "0.5", 0.5),
        (Logical(), "true", True),
        (Logical(), "0", False),
        (Choice({"a": 1}), "a", 1),
        (CommaList(Word()), "a,b", ("a", "b")),
        (Priority(), "urgent", 20),
        (Priority(), -3, -3),
        (Json(), None, None),
    ],
)
def test_legal_texts_are_read(field: Field[Any], text: Any, value: Any) -> None:
    assert field.deserialize(text) == value


@pytest.mark.parametrize(
    ("field", "text"),
    [
        (Whole(1, 1000), "0"),
        (Whole(1, 1000), "1001"),
        (Whole(1, 1000), "1_0"),
        (Whole(1, 1000), " 7"),
        (Whole(1, 1000), "1.0"),
        (Whole(1, 1000), "٣"),
        (Whole(1, 1000), ""),
        (Whole(1, 1000), "9" * 5000),
        (Whole(1, 1000), True),
        (Seconds(60), "61"),
        (Seconds(60), "nan"),
        (Seconds(60), "1e1"),
        (Seconds(60), "-1"),
        (Logical(), "yes"),
        (Choice({"a": 1}), "A"),
        (CommaList(Word()), ","),
        (CommaList(Word()), "a," * 101),
        (Word(), "a\x00"),
        (Word(3), "abcd"),
        (Word(), 5),
        (Priority(), "urgently"),
        (Priority(), 1001),
        (Priority(), True),
        (Priority(), 1.5),
    ],
)
def test_others_are_refused(field: Field[Any], text: Any) -> None:
    with pytest.raises(ValidationError):
        field.deserialize(text)


def test_more_than_the_largest_page_means_the_largest_page() -> None:
    window = page_window({"page": 3, "per_page": 5000})

    assert (window.limit, window.offset) == (MAX_PER_PAGE, 2 * MAX_PER_PAGE)


@pytest.mark.parametrize(("total", "pages"), [(0, 0), (1, 1), (10, 1), (11, 2), (42, 5)])
def test_pages_are_counted_up(total: int, pages: int) -> None:
    shown = pagination({"page": 6, "per_page": 10}, total)

    assert shown == {
        "current_page": 6,
        "per_page": 10,
        "total_pages": pages,
        "total_count": total,
    }
