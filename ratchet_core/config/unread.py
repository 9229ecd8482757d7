"""Settings that are declared and that this version does not act on yet, each with the reason.

They are checked, and warned about at load as keys without an effect are. Whoever makes a setting
work takes it out of here; a test compares this list with what the code reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

#: By path below `Settings`.
UNREAD: Final[Mapping[str, str]] = MappingProxyType({})
