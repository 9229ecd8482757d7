"""Up to where each partition is done with: an offset is committed once all before it are. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

#: Topic and partition.
Place = tuple[str, int]


class Positions:
    """What was read of each partition, what of it is done, what is committed."""

    def __init__(self) -> None:
        self._read: Final[dict[Place, dict[int, bool]]] = {}  # offsets in order: whether done
        self._reached: Final[dict[Place, int]] = {}  # the first offset that is not done
        self._committed: Final[dict[Place, int]] = {}

    def read(self, place: Place, offset: int) -> None:
        """Note that a message was read, in the order of its partition."""
        self._read.setdefault(place, {})[offset] = False

    def done(self, place: Place, offset: int) -> None:
        """Note that a message needs to come no more; one that was forgotten is passed over."""
        offsets = self._read.get(place)
        if offsets is None or offset not in offsets:
            return
        offsets[offset] = True
        while offsets:
            first = next(iter(offsets))
            if not offsets[first]:
                break
            del offsets[first]
            self._reached[place] = first + 1

    def due(self, places: Iterable[Place] | None = None) -> dict[Place, int]:
        """Return the offsets to commit, each that of the next message to read.

        Args:
            places: of these only; None for all.
        """
        wanted = self._reached if places is None else set(places)
        return {
            place: offset
            for place, offset in self._reached.items()
            if place in wanted and offset > self._committed.get(place, -1)
        }

    def committed(self, place: Place, offset: int) -> None:
        """Note that the brokers know an offset."""
        self._committed[place] = max(offset, self._committed.get(place, -1))

    def forget(self, places: Iterable[Place]) -> None:
        """Forget partitions that somebody else has now."""
        for place in places:
            for known in (self._read, self._reached, self._committed):
                known.pop(place, None)
