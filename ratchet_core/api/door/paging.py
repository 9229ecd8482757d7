"""Parts of lists: `limit`, `offset`, `cursor` in `/api/v1`; `page`, `per_page` in `/tasker`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ratchet_core.api.door.field import Choice, RequestSchema, Whole, Word
from ratchet_core.domain.query import Window

#: Items of a list that asks for no number (decisions.md section 4).
DEFAULT_LIMIT: Final = 50
#: Most items that one answer of `/api/v1` holds.
MAX_LIMIT: Final = 1000
#: Items of a page of `/tasker` that asks for no number.
DEFAULT_PER_PAGE: Final = 25
#: Most items on a page of `/tasker`; more is clamped to this.
MAX_PER_PAGE: Final = 100
#: Farthest place in a list that can be asked for by number.
MAX_OFFSET: Final = 10**9


class WindowQuery(RequestSchema):
    """Which part of a list is wanted."""

    limit = Whole(
        1,
        MAX_LIMIT,
        load_default=DEFAULT_LIMIT,
        metadata={"description": "At most this many items."},
    )
    offset = Whole(0, MAX_OFFSET, load_default=0, metadata={"description": "Skip so many items."})
    cursor = Word(
        1024,
        metadata={
            "description": "The place after the last item of a page: its `next_cursor`. Exact "
            "while items are being added; `offset` is ignored with it."
        },
    )
    order = Choice(
        {"desc": "desc", "asc": "asc"},
        load_default="desc",
        metadata={"description": "Newest first (`desc`) or oldest first."},
    )


def window(query: Mapping[str, Any]) -> Window:
    """Return the part of a list that a `WindowQuery` asks for."""
    return Window(
        limit=query["limit"],
        offset=query["offset"],
        cursor=query.get("cursor"),
        order=query["order"],
    )


def listed(
    items: Sequence[Mapping[str, Any]], total: int, next_cursor: str | None
) -> dict[str, Any]:
    """Return the body of a list of `/api/v1`."""
    return {"items": items, "total": total, "next_cursor": next_cursor}


class PageQuery(RequestSchema):
    """Which page of a list is wanted."""

    page = Whole(
        1, MAX_OFFSET, load_default=1, metadata={"description": "Number of the page, from 1."}
    )
    per_page = Whole(
        1,
        MAX_OFFSET,
        load_default=DEFAULT_PER_PAGE,
        metadata={"description": f"Items on a page; more than {MAX_PER_PAGE} means that many."},
    )


def page_window(query: Mapping[str, Any]) -> Window:
    """Return the part of a list that a `PageQuery` asks for."""
    per_page = min(query["per_page"], MAX_PER_PAGE)
    return Window(limit=per_page, offset=(query["page"] - 1) * per_page)


def pagination(query: Mapping[str, Any], total: int) -> dict[str, int]:
    """Return the `pagination` block of a page (seed 002, "List Tasks")."""
    per_page = min(query["per_page"], MAX_PER_PAGE)
    return {
        "current_page": query["page"],
        "per_page": per_page,
        "total_pages": -(-total // per_page),
        "total_count": total,
    }
