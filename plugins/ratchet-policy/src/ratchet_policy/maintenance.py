"""The coordinator `read-only`: everybody may look, nobody may change anything."""

from __future__ import annotations

from typing import ClassVar

from ratchet_core.sdk import AuthorizationCoordinator, Principal


class ReadOnly(AuthorizationCoordinator):
    """Allows reading alone, whatever the caller's roles; for times of maintenance."""

    name: ClassVar[str] = "read-only"

    def allows(self, principal: Principal, permission: str, namespace: str) -> bool:
        """Tell whether the permission is one to read."""
        return permission.endswith(":read")
