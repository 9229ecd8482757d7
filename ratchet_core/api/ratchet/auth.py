"""`/api/v1/auth`: exchanging a refresh token. Tokens are first issued by `ratchet auth token`."""

from __future__ import annotations

from flask import Response, request
from marshmallow import fields

from ratchet_core.api.door import answer
from ratchet_core.api.door.access import OPEN, bearer_token
from ratchet_core.api.door.blueprint import DoorBlueprint
from ratchet_core.api.door.call import ratchet
from ratchet_core.api.door.field import AnswerSchema, shown


class TokenSchema(AnswerSchema):
    """A new token."""

    access_token = shown(fields.String, "For the header `Authorization: Bearer`.")
    token_type = shown(fields.String, "Always `Bearer`.")
    expires_in = shown(fields.Integer, "Seconds until it ends.")


def declare_auth(blueprint: DoorBlueprint) -> None:
    """Add the operation to `blueprint`."""

    @blueprint.operation(
        "POST",
        "/auth/refresh",
        "refreshToken",
        permission=OPEN,  # its token is its authentication
        answers={200: TokenSchema},
        problems=(404,),
    )
    def refresh_token() -> Response:
        """Give a new access token for the refresh token in the header `Authorization: Bearer`."""
        issued = ratchet().access.refresh(bearer_token(request))
        return answer.json(
            {
                "access_token": issued.access,
                "token_type": "Bearer",
                "expires_in": issued.expires_in_s,
            }
        )
