"""Reading an API key from `X-API-Key` or `Authorization: Bearer`."""

from __future__ import annotations

from typing import ClassVar

from ratchet_core.sdk import AuthenticationFailed, Authenticator, Principal, RequestView


class ApiKeyAuthenticator(Authenticator):
    """Knows callers by API keys; a bearer token of another form is left to others."""

    name: ClassVar[str] = "api-key"

    def authenticate(self, request: RequestView) -> Principal | None:
        """Return whose key came with the request; None where none did.

        Raises:
            AuthenticationFailed: the key is unknown, revoked or has ended, or two different keys
                came at once.
        """
        given = self._keys(request)
        if not given:
            return None
        if len(given) > 1:
            raise AuthenticationFailed("two different keys came with one request")
        principal = self.settings.keys.find(given.pop())
        if principal is None:
            raise AuthenticationFailed("the key is unknown, revoked or has ended")
        return principal

    def _keys(self, request: RequestView) -> set[str]:
        token = request.bearer_token()
        given = {request.headers["x-api-key"].strip()} if "x-api-key" in request.headers else set()
        if token is not None and self.settings.keys.is_key(token):
            given.add(token)
        return given
