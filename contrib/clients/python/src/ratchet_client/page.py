"""Whole lists, read page by page as they are walked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ratchet_client.door import Door

#: Items that one call asks for.
PAGE: Final = 100


def by_cursor(door: Door, path: str, params: Mapping[str, Any], size: int) -> Iterator[Any]:
    """Walk a list of `/api/v1` by its cursor: each item once, also while others are added."""
    cursor = None
    while True:
        page = door.call("GET", path, params={**params, "limit": size, "cursor": cursor})
        yield from page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return


def by_offset(door: Door, path: str, params: Mapping[str, Any], size: int) -> Iterator[Any]:
    """Walk a list of `/api/v1` by offset: items that are added meanwhile push others back."""
    offset = 0
    while True:
        page = door.call("GET", path, params={**params, "limit": size, "offset": offset})
        yield from page["items"]
        offset += size
        if len(page["items"]) < size:
            return


def by_page(
    door: Door, path: str, items: str, params: Mapping[str, Any], size: int
) -> Iterator[Any]:
    """Walk a list of `/tasker` by page number; `items` is the key of its items."""
    number = 1
    while True:
        page = door.call("GET", path, params={**params, "page": number, "per_page": size})
        yield from page[items]
        if number >= page["pagination"]["total_pages"]:
            return
        number += 1
