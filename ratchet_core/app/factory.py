"""`create_app(ratchet)`: a Flask application with all doors, guarded as the settings say."""

from __future__ import annotations

from typing import Final

from flask import Flask

import ratchet_core
from ratchet_core.api.door.access import require_access
from ratchet_core.api.door.call import attach_ratchet
from ratchet_core.api.door.debug import debug_blueprint
from ratchet_core.api.door.document import Document, document_routes
from ratchet_core.api.door.guard import Mount, stand_guard
from ratchet_core.api.door.health import health_blueprint
from ratchet_core.api.door.limit import client_limit, tasker_limit
from ratchet_core.api.door.metrics import attach_metrics, declare_metrics
from ratchet_core.api.door.origin import OriginRules, lowered
from ratchet_core.api.door.webhooks import PREFIX as WEBHOOKS
from ratchet_core.api.door.webhooks import webhook_blueprint
from ratchet_core.api.graphql import door as graphql_door
from ratchet_core.api.graphql.problem import DIALECT as GRAPHQL_DIALECT
from ratchet_core.api.ratchet import door as ratchet_door
from ratchet_core.api.ratchet.problem import DIALECT as RATCHET_DIALECT
from ratchet_core.api.ratchet.problem import ProblemSchema
from ratchet_core.api.tasker import door as tasker_door
from ratchet_core.api.tasker.problem import DIALECT as TASKER_DIALECT
from ratchet_core.app.plugin_routes import mount_plugins
from ratchet_core.config import Settings
from ratchet_core.runtime import Ratchet

#: Name to path, shown at `/`.
ENDPOINTS: Final = {
    "api": ratchet_door.PREFIX,
    "tasker": tasker_door.PREFIX,
    "graphql": graphql_door.PREFIX,
    "playground": graphql_door.PREFIX + graphql_door.PLAYGROUND,
    "health": "/health",
    "health_detailed": "/health/detailed",
    "metrics": "/metrics",
    "liveness": "/health/live",
    "readiness": "/health/ready",
    "tasker_openapi_json": f"{tasker_door.PREFIX}/api-docs.json",
    "tasker_docs": f"{tasker_door.PREFIX}/api-docs",
    "docs": "/docs",
    "openapi_json": "/openapi.json",
    "openapi_yaml": "/openapi.yaml",
}


def create_app(ratchet: Ratchet) -> Flask:
    """Return the application that serves `ratchet`.

    Raises:
        ConfigurationError, PluginError: the settings ask for authentication, and an authenticator
            cannot be made: it must not be served open instead.
    """
    require_access(ratchet)
    app = Flask("ratchet_core.app", static_folder=None)
    app.url_map.merge_slashes = False
    attach_ratchet(app, ratchet)
    rules = origin_rules(ratchet.settings)
    stand_guard(app, _mounts(ratchet), rules)
    graphql = graphql_door.graphql_blueprint(ratchet, rules)
    app.register_blueprint(graphql, url_prefix=graphql_door.PREFIX)
    document = Document(
        app,
        title="Ratchet",
        version=ratchet_core.__version__,
        about="Tasks and workflows: definitions in, durable runs out.",
        name="RATCHET",
    )
    api = ratchet_door.ratchet_blueprint()
    app.register_blueprint(api, url_prefix=ratchet_door.PREFIX)
    health = health_blueprint(RATCHET_DIALECT, ProblemSchema, ENDPOINTS)
    declare_metrics(health, "getMetrics")
    app.register_blueprint(health)
    webhooks = webhook_blueprint(RATCHET_DIALECT, ProblemSchema)
    app.register_blueprint(webhooks, url_prefix=WEBHOOKS)
    own = [api, tasker_door.mount_tasker(app), health, webhooks]
    if ratchet.settings.development.enable_debug_endpoints:
        own.append(debug_blueprint(RATCHET_DIALECT, ProblemSchema))
        app.register_blueprint(own[-1])
    for blueprint in own:
        document.include(blueprint)
    paths = (ENDPOINTS["openapi_json"], ENDPOINTS["openapi_yaml"])
    app.register_blueprint(
        document_routes(document, "openapi", paths, ENDPOINTS["docs"], RATCHET_DIALECT)
    )
    mount_plugins(app, ratchet)
    attach_metrics(app)
    return app


def _mounts(ratchet: Ratchet) -> list[Mount]:
    limit = client_limit(ratchet.settings, ratchet.buckets)
    tasker = tasker_limit(ratchet.settings, ratchet.buckets)
    return [
        Mount("", RATCHET_DIALECT),
        Mount(WEBHOOKS, RATCHET_DIALECT, is_outside=True),
        Mount(ratchet_door.PREFIX, RATCHET_DIALECT, limit),
        Mount(tasker_door.PREFIX, TASKER_DIALECT, tasker),
        Mount(graphql_door.PREFIX, GRAPHQL_DIALECT, limit),
    ]


def origin_rules(settings: Settings) -> OriginRules:
    """Return who may call from where, as the settings say (decisions.md section 5)."""
    cors = settings.server.cors
    return OriginRules(
        authenticated=settings.auth.is_on,
        allowed_hosts=lowered(settings.server.allowed_hosts),
        allowed_origins=lowered(cors.allowed_origins),
        allowed_methods=cors.allowed_methods,
        allowed_headers=cors.allowed_headers,
        allow_credentials=cors.allow_credentials,
        max_age_s=cors.max_age_s,
    )
