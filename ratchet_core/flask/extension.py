"""The extension: mounts doors under prefixes of a host application and leaves the rest alone.

Host, Origin and CORS rules are the host application's own (decisions.md section 5); what happens
under the prefixes answers exactly as our own server does.
"""

from __future__ import annotations

import re
from contextlib import AbstractContextManager
from typing import Final

from flask import Flask

from ratchet_core import runtime
from ratchet_core.api.door.access import require_access
from ratchet_core.api.door.call import attach_ratchet
from ratchet_core.api.door.guard import Mount, stand_guard
from ratchet_core.api.door.limit import client_limit, tasker_limit
from ratchet_core.api.door.metrics import attach_metrics
from ratchet_core.api.door.webhooks import PREFIX as WEBHOOKS
from ratchet_core.api.door.webhooks import webhook_blueprint
from ratchet_core.api.graphql.door import graphql_blueprint
from ratchet_core.api.graphql.problem import DIALECT as GRAPHQL_DIALECT
from ratchet_core.api.ratchet.door import ratchet_blueprint
from ratchet_core.api.ratchet.problem import DIALECT as RATCHET_DIALECT
from ratchet_core.api.ratchet.problem import ProblemSchema
from ratchet_core.api.tasker.door import mount_tasker
from ratchet_core.api.tasker.problem import DIALECT as TASKER_DIALECT
from ratchet_core.engine.turn import Turn
from ratchet_core.errors import ConfigurationError

_PREFIX: Final = re.compile(r"(/[A-Za-z0-9._~-]+)+", re.ASCII)


class Ratchet:
    """Mounts the doors of one runtime.

    Args:
        ratchet: the runtime that serves them.
        app: mount at once; without it, call `init_app` later.
        tasker_prefix: where the Tasker dialect goes; None leaves it out.
        api_prefix: where `/api/v1` goes; None leaves it out.
        graphql_prefix: where GraphQL and its playground go; None leaves them out. Each subscription
            occupies a thread of the host's server; WebSockets need gunicorn or werkzeug.
        webhook_prefix: where webhooks are received, `{prefix}/{source}`, if any source is
            configured (`input.sources`); None leaves it out.
    """

    def __init__(
        self,
        ratchet: runtime.Ratchet,
        app: Flask | None = None,
        *,
        tasker_prefix: str | None = "/tasker",
        api_prefix: str | None = "/api/v1",
        graphql_prefix: str | None = None,
        webhook_prefix: str | None = WEBHOOKS,
    ) -> None:
        for prefix in (tasker_prefix, api_prefix, graphql_prefix, webhook_prefix):
            if prefix is not None and not _PREFIX.fullmatch(prefix):
                message = (
                    f"'{prefix}' is no prefix; write it as '/tasker', without a slash at the end"
                )
                raise ConfigurationError(message)
        self.ratchet = ratchet
        self.tasker_prefix, self.api_prefix = tasker_prefix, api_prefix
        self.graphql_prefix, self.webhook_prefix = graphql_prefix, webhook_prefix
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Mount the doors in `app`."""
        require_access(self.ratchet)
        attach_ratchet(app, self.ratchet)
        settings, buckets = self.ratchet.settings, self.ratchet.buckets
        mounts = []
        if self.tasker_prefix is not None:
            mount_tasker(app, self.tasker_prefix)
            mounts.append(
                Mount(self.tasker_prefix, TASKER_DIALECT, tasker_limit(settings, buckets))
            )
        if self.api_prefix is not None:
            app.register_blueprint(ratchet_blueprint(), url_prefix=self.api_prefix)
            limit = client_limit(settings, buckets)
            mounts.append(Mount(self.api_prefix, RATCHET_DIALECT, limit))
        if self.graphql_prefix is not None:
            blueprint = graphql_blueprint(self.ratchet, None)
            app.register_blueprint(blueprint, url_prefix=self.graphql_prefix)
            limit = client_limit(settings, buckets)
            mounts.append(Mount(self.graphql_prefix, GRAPHQL_DIALECT, limit))
        if self.webhook_prefix is not None and self.ratchet.webhooks.is_used:
            blueprint = webhook_blueprint(RATCHET_DIALECT, ProblemSchema)
            app.register_blueprint(blueprint, url_prefix=self.webhook_prefix)
            mounts.append(Mount(self.webhook_prefix, RATCHET_DIALECT, is_outside=True))
        stand_guard(app, mounts, None)
        attach_metrics(app)

    def turn(self) -> AbstractContextManager[Turn]:
        """Open a block in which the host's own transaction may submit runs; see `Engine.turn`."""
        return self.ratchet.engine.turn()
