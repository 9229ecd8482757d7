"""Keys that are accepted and have no effect, each with the reason.

Files written for Ratchet before must load unmodified; what they say in vain they are told here,
once at load and in the reference. A key that has an effect is a field of `settings`, not here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Expected = Literal["text", "integer", "number", "boolean", "list", "mapping", "anything"]


@dataclass(frozen=True, slots=True)
class InertKey:
    """One key that is accepted without an effect."""

    key: str  #: dotted place in the file
    expects: Expected  #: type that is still checked
    why: str  #: why it has no effect, and what to do instead if anything
    env: tuple[str, ...] = ()  #: environment variables that are accepted likewise


_FETCH = "scripts call `fetch` as a function; no variables are put into their source"
_POOL = "idle connections are kept per host and checked address, with bounds of their own"
_NO_PROXY = (
    "each request connects to the address that the egress policy has checked;"
    " a proxy would look names up again"
)
_NO_RESPONSE_CACHE = "responses are never kept: a step sees the world as it is"
_IMMUTABLE = "a stored version of a definition never changes, so a copy never gets stale"
_ALL_RESULTS = "every result is kept in the database; use an Idempotency-Key to get it again"
_NO_SOURCES = "only definitions in files are loaded"
_NO_MCP = "this version has no MCP server"
_BODY = "the body of a delivery is the output as JSON, exactly as it was signed"
_RETRY = "the retry policy of the definition decides; say `default_retry_limit` there"
_DIALECT = "Ratchet sets what its durability rules need on each database itself"
_RAILS = "belongs to a host application written in Ruby; write an authenticator class"

INERT_KEYS: Final = (
    InertKey("execution.fetch_variables.url_var", "text", _FETCH),
    InertKey("execution.fetch_variables.params_var", "text", _FETCH),
    InertKey("execution.fetch_variables.body_var", "text", _FETCH),
    InertKey("execution.fetch_variables.result_var", "text", _FETCH),
    InertKey("execution.fetch_variables.temp_result_var", "text", _FETCH),
    InertKey("http.connection_pool.max_idle_per_host", "integer", _POOL),
    InertKey("http.connection_pool.idle_timeout", "number", _POOL),
    InertKey("http.proxy.http_proxy", "text", _NO_PROXY),
    InertKey("http.proxy.https_proxy", "text", _NO_PROXY),
    InertKey("http.proxy.no_proxy", "anything", _NO_PROXY),
    InertKey("http.enable_cache", "boolean", _NO_RESPONSE_CACHE),
    InertKey("http.cache_ttl", "number", _NO_RESPONSE_CACHE),
    InertKey("cache.task_cache.cache_type", "text", "the copy used longest ago always goes first"),
    InertKey(
        "cache.task_cache.memory_limit_bytes",
        "integer",
        "the number of definitions bounds the cache: `cache.task_content_cache_size`",
    ),
    InertKey("cache.task_cache.ttl", "number", _IMMUTABLE),
    InertKey("cache.http_cache.enabled", "boolean", _NO_RESPONSE_CACHE),
    InertKey("cache.http_cache.max_size_bytes", "integer", _NO_RESPONSE_CACHE),
    InertKey("cache.http_cache.default_ttl", "number", _NO_RESPONSE_CACHE),
    InertKey("cache.http_cache.respect_cache_control", "boolean", _NO_RESPONSE_CACHE),
    InertKey("cache.result_cache.enabled", "boolean", _ALL_RESULTS),
    InertKey("cache.result_cache.cache_only_success", "boolean", _ALL_RESULTS),
    InertKey("cache.result_cache.max_entries", "integer", _ALL_RESULTS),
    InertKey("cache.result_cache.ttl", "number", _ALL_RESULTS),
    InertKey("logging.structured", "boolean", "every line has fields; `logging.format` shows them"),
    InertKey(
        "logging.trace_executions",
        "boolean",
        "the steps and attempts of each run are stored and can be asked for over the API",
    ),
    InertKey("output.formatting.timestamp_format", "text", _BODY),
    InertKey("output.formatting.include_metadata", "boolean", _BODY),
    InertKey("output.formatting.pretty_json", "boolean", _BODY),
    InertKey("server.database.database_specific", "mapping", _DIALECT),
    InertKey("server.rate_limit.time_window", "number", "the limit is counted by the minute"),
    InertKey(
        "server.tls.chain_file", "text", "put the chain behind the certificate in `cert_file`"
    ),
    InertKey(
        "server.workers.health_check_interval_seconds",
        "number",
        "the death of a worker process is noticed at once, a hung one at its deadline",
    ),
    InertKey(
        "server.job_queue.max_queue_size",
        "integer",
        "runs wait in the database, which bounds their number by its disk alone",
    ),
    InertKey("server.job_queue.default_retry_delay", "number", _RETRY),
    InertKey("server.job_queue.default_max_retries", "integer", _RETRY),
    InertKey("registry.cache.enabled", "boolean", _IMMUTABLE),
    InertKey("registry.cache.ttl", "number", _IMMUTABLE),
    InertKey("registry.cache.max_entries", "integer", _IMMUTABLE),
    InertKey("registry.auth", "mapping", _NO_SOURCES),
    InertKey("mcp.enabled", "boolean", _NO_MCP, ("RATCHET_MCP_ENABLED",)),
    InertKey("mcp.transport", "text", _NO_MCP, ("RATCHET_MCP_TRANSPORT",)),
    InertKey("mcp.host", "text", _NO_MCP, ("RATCHET_MCP_HOST",)),
    InertKey("mcp.port", "integer", _NO_MCP, ("RATCHET_MCP_PORT",)),
    InertKey(
        "development.mock_external_services",
        "boolean",
        "`ratchet test` answers from the mocks in a definition's own tests",
    ),
    InertKey("auth.strategy", "text", _RAILS),
    InertKey("auth.current_user_method", "text", _RAILS),
    InertKey("auth.authenticate_user_method", "text", _RAILS),
    InertKey("auth.user_class", "text", _RAILS),
)
