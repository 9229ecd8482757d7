"""Tests that files in the forms of `spec` section 8 load: blocks, profiles, destinations."""

from __future__ import annotations

from pathlib import Path

import pytest

from ratchet_core.config import LoadedSettings, describe, explain, load_settings
from ratchet_core.config.unread import UNREAD
from ratchet_core.errors import ConfigurationError

SEED_WEBHOOK = """
output:
  global_destinations:
    - name: "order_webhook"
      destination:
        type: webhook
        url: "https://partner-api.com/webhooks/orders"
        method: POST
        headers:
          "X-Webhook-Event": "order.processed"
          "X-Webhook-Signature": "{{signature}}"
        auth:
          type: bearer
          token: "${PARTNER_API_TOKEN}"
"""

DEVELOPMENT = """
server:
  workers: {worker_count: 2}
  database: {url: "sqlite::memory:"}
  bind_address: "127.0.0.1"
  port: 8080
logging: {level: "debug", log_to_file: false}
execution: {validate_schemas: true, max_execution_duration: 60}
development:
  {enable_debug_endpoints: true, mock_external_services: false, validate_on_startup: true}
"""

PRODUCTION = """
http: {verify_ssl: true, timeout: 30}
execution: {validate_schemas: true, max_execution_duration: 300}
logging: {level: "info", log_to_file: true, log_file_path: "/var/log/ratchet/ratchet.log"}
server:
  bind_address: "0.0.0.0"
  port: 8080
  rate_limit: {profile: "strict"}
  database: {url: "sqlite:///var/lib/ratchet/ratchet.db", max_connections: 50}
  workers: {worker_count: 8, restart_on_crash: true, max_restart_attempts: 10}
"""

HIGH_PERFORMANCE = """
output: {max_concurrent_deliveries: 50}
cache: {task_content_cache_size: 500, enabled: true}
server:
  database: {max_connections: 100}
  job_queue: {max_dequeue_batch_size: 50, max_queue_size: 10000}
  workers: {worker_count: 16, health_check_interval_seconds: 60}
  rate_limit: {profile: "permissive"}
"""

#: Every block of section 8 with its default, in the form of the newest version.
EVERY_BLOCK = """
execution:
  fetch_variables: {url_var: __fetch_url, params_var: __fetch_params, body_var: __fetch_body,
                    result_var: __http_result, temp_result_var: __temp_result}
  max_execution_duration: 300
  validate_schemas: true
  max_concurrent_tasks: 10
  timeout_grace_period: 5
http:
  timeout: 30
  max_redirects: 10
  user_agent: Ratchet/1.0
  verify_ssl: true
  connection_pool: {max_idle_per_host: 10, idle_timeout: 90, connection_timeout: 10}
  proxy: {http_proxy: "http://u:proxypass@p:3128", https_proxy: "http://p:3128", no_proxy: [a, b]}
  enable_cache: true
  cache_ttl: 300
cache:
  enabled: true
  task_cache: {cache_type: lru, task_content_cache_size: 100, memory_limit_bytes: 67108864,
               ttl: 3600}
  http_cache: {enabled: true, max_size_bytes: 10485760, default_ttl: 300,
               respect_cache_control: true}
  result_cache: {enabled: true, cache_only_success: true, max_entries: 1000, ttl: 1800}
logging:
  level: info
  format: compact
  include_location: false
  structured: true
  enrich_with: [system_info, process_info, execution_context]
  trace_executions: true
  file_rotation: {max_size_mb: 100, max_files: 10, compress: true}
  targets:
    - {type: console, level: warn}
    - {type: file, path: /var/log/ratchet/a.log, max_size_bytes: 1000, max_files: 3}
    - {type: syslog, facility: daemon, ident: ratchet}
output:
  max_concurrent_deliveries: 10
  default_timeout: 30
  validate_on_startup: true
  default_retry_policy: {max_attempts: 3, initial_delay_ms: 1000, max_delay_ms: 30000,
                         backoff_multiplier: 2.0}
  formatting: {timestamp_format: iso8601, include_metadata: true, pretty_json: false}
  security: {allow_localhost_webhooks: false, allow_private_network_webhooks: false,
             allowed_webhook_domains: [example.org]}
  global_destinations:
    - name: production_logs
      description: kept for a year
      destination: {type: filesystem, path: "/var/log/ratchet/{{task_name}}_{{job_uuid}}.json",
                    format: json, permissions: "644", create_dirs: true, overwrite: false,
                    backup_existing: true}
    - name: hook
      run_states: [completed, failed]
      destination: {type: webhook, url: "https://e.example/{{job_id}}", timeout_seconds: 5,
                    content_type: application/json, secret: whsec_AAAA,
                    auth: {type: basic, username: u, password: basicpass},
                    retry_policy: {max_attempts: 5, backoff_multiplier: 3}}
    - {name: out, destination: {type: stdio, stream: stdout, format: json, include_metadata: false,
                                line_buffered: true, prefix: "> "}}
    - {name: archive, destination: {type: s3, bucket: b, secret_access_key: s3pass}}
    - {name: table, destination: {type: database, connection_string: "postgres://u:dbpass@h/d"}}
server:
  bind_address: 127.0.0.1
  port: 8080
  database:
    url: "postgres://ratchet:pgpass@db.local:5432/ratchet?sslmode=require"
    max_connections: 10
    min_connections: 1
    connection_timeout: 30
    idle_timeout: 600
    max_lifetime: 3600
    database_specific: {sqlite: {journal_mode: WAL, synchronous: NORMAL}, postgres: {}, mysql: {}}
    migrations: {auto_migrate: true}
  auth: {jwt_secret: "jwtsecretjwtsecretjwtsecretjwtsecret", token_expiration: 3600,
         issuer: ratchet, audience: ratchet}
  cors: {allowed_origins: ["*"], allowed_methods: [GET, POST], allowed_headers: [Content-Type],
         allow_credentials: false, max_age: 3600}
  rate_limit: {enabled: true, requests_per_minute: 60, burst_size: 10, time_window: 60}
  tls: {cert_file: a.pem, key_file: b.pem, min_version: "1.3", chain_file: c.pem}
  workers: {worker_count: 4, restart_on_crash: true, max_restart_attempts: 5,
            restart_delay_seconds: 10, health_check_interval_seconds: 30}
  job_queue: {max_dequeue_batch_size: 10, max_queue_size: 1000, default_retry_delay: 60,
              default_max_retries: 3}
registry:
  sources:
    - {name: local, uri: "file:///srv/tasks", source_type: filesystem, polling_interval: 30,
       enabled: true, config: {watch_for_changes: true, auto_reload: false}}
  default_polling_interval: 300
  cache: {enabled: true, ttl: 3600, max_entries: 1000}
  auth: {github: {type: gittoken, token: gitpass}}
mcp: {enabled: true, transport: sse, host: 127.0.0.1, port: 8090}
development: {enable_debug_endpoints: false, mock_external_services: false,
              validate_on_startup: false}
"""


def load(tmp_path: Path, text: str, **environ: str) -> LoadedSettings:
    """Load a file with this text."""
    path = tmp_path / "conf.yaml"
    path.write_text(text)
    return load_settings(path, environ, directory=tmp_path)


def warned_keys(loaded: LoadedSettings) -> set[str]:
    """Return the keys that loading warned about."""
    return {warning.place.key for warning in loaded.warnings}


def unread_keys(*paths: str) -> set[str]:
    """Return those of the paths (equal to their keys) that have no effect yet."""
    return {path for path in paths if path in UNREAD}


def test_ratchet_110_the_development_profile_loads(tmp_path: Path) -> None:
    loaded = load(tmp_path, DEVELOPMENT)

    assert loaded.settings.worker.worker_count == 2
    assert loaded.settings.execution.max_execution_duration_s == 60
    assert loaded.settings.development.enable_debug_endpoints
    assert loaded.settings.database.url == f"sqlite:///{tmp_path}/.ratchet/ratchet.db"
    memory = next(w for w in loaded.warnings if w.place.key == "server.database.url")
    assert "cannot be shared by processes" in memory.message
    assert "development.mock_external_services" in warned_keys(loaded)


def test_ratchet_110_the_production_profile_loads(tmp_path: Path) -> None:
    loaded = load(tmp_path, PRODUCTION)

    assert loaded.settings.server.bind_address == "0.0.0.0"  # noqa: S104 - as the profile has it
    assert loaded.settings.database.url == "sqlite:////var/lib/ratchet/ratchet.db"
    assert loaded.settings.worker.max_restart_attempts == 10
    console, file = loaded.settings.logging.targets
    assert (console.kind, file.kind) == ("console", "file")
    assert file.path == Path("/var/log/ratchet/ratchet.log")
    assert warned_keys(loaded) == unread_keys("server.rate_limit.profile")


def test_ratchet_110_the_high_performance_profile_loads(tmp_path: Path) -> None:
    loaded = load(tmp_path, HIGH_PERFORMANCE)

    assert loaded.settings.worker.worker_count == 16
    assert loaded.settings.worker.max_claim_batch == 50
    assert loaded.settings.cache.definitions == 500
    assert loaded.settings.output.max_concurrent_deliveries == 50
    assert warned_keys(loaded) == {
        "server.job_queue.max_queue_size",
        "server.workers.health_check_interval_seconds",
        *unread_keys("server.rate_limit.profile", "output.max_concurrent_deliveries"),
    }


def test_ratchet_075_the_webhook_block_of_the_seed_loads_as_it_stands(tmp_path: Path) -> None:
    """Source: seed 000, "Sending Webhooks"."""
    loaded = load(tmp_path, SEED_WEBHOOK, PARTNER_API_TOKEN="pt-1")

    (destination,) = loaded.settings.output.global_destinations
    assert destination.name == "order_webhook"
    assert destination.kind == "webhook"
    assert destination.run_states == ("completed",)
    assert destination.options["headers"]["X-Webhook-Signature"] == "{{signature}}"
    assert destination.options["auth"] == {"type": "bearer", "token": "pt-1"}
    assert warned_keys(loaded) == unread_keys("output.global_destinations")


def test_ratchet_079_an_unset_token_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, SEED_WEBHOOK)

    assert caught.value.message.endswith(
        "conf.yaml:14: output.global_destinations[0].destination.auth.token: the environment"
        " variable PARTNER_API_TOKEN is not set; set it, or write '${PARTNER_API_TOKEN:-default}'",
    )


def test_every_block_of_section_8_loads(tmp_path: Path) -> None:
    loaded = load(tmp_path, EVERY_BLOCK)

    assert loaded.settings.worker_processes == 4
    assert loaded.settings.database.url.startswith("postgresql+psycopg://ratchet:pgpass@db.local")
    destinations = loaded.settings.output.global_destinations
    assert [one.kind for one in destinations] == [
        "filesystem",
        "webhook",
        "stdio",
        "s3",
        "database",
    ]
    assert destinations[0].options["permissions"] == "644"
    assert destinations[1].run_states == ("completed", "failed")
    warned = warned_keys(loaded)
    assert "execution.fetch_variables.url_var" in warned
    assert "output.global_destinations[3].destination.type" in warned
    assert "registry.auth" in warned
    assert len(loaded.warnings) == len(warned)


def test_no_secret_is_shown_anywhere(tmp_path: Path) -> None:
    loaded = load(tmp_path, EVERY_BLOCK + "redis: {url: 'redis://:redispass@h/0'}\n")

    shown = f"{loaded!r} {describe(loaded.settings)} {explain(loaded)} {loaded.warnings}"

    secrets = ("pgpass", "jwtsecret", "redispass", "basicpass", "s3pass", "dbpass", "gitpass")
    for secret in (*secrets, "whsec_AAAA", "proxypass"):
        assert secret not in shown
    assert describe(loaded.settings)["database"]["url"] == (
        "postgresql+psycopg://ratchet:********@db.local:5432/ratchet?sslmode=require"
    )


@pytest.mark.parametrize(
    ("destination", "message"),
    [
        ("{type: webhook}", "destination: the key 'url' is missing"),
        ("{url: 'https://x'}", "destination: the key 'type' is missing; such as webhook"),
        ("{type: webhook, url: 'ftp://x'}", "starts with http:// or https://"),
        ("{type: webhook, url: 'https://x', headrs: {}}", "did you mean 'headers'?"),
        ("{type: webhook, url: 'https://x', headers: {a: 1}}", "headers.a: expected a text"),
        ("{type: webhook, url: 'https://x', method: FETCH}", "expected one of POST, PUT"),
        ("{type: webhook, url: 'https://x', auth: {type: bearr}}", "did you mean 'bearer'?"),
        ("{type: webhook, url: 'https://x', auth: {type: bearer}}", "the key 'token' is missing"),
        (
            "{type: webhook, url: 'https://x', auth: {token: t-9}}",
            "auth: the key 'type' is missing",
        ),
        ("{type: webhook, url: 'https://x', auth: {type: api_key, header: X}}", "'value' is miss"),
        (
            "{type: webhook, url: 'https://x', retry_policy: {backoff_multiplier: 0.5}}",
            "expected a value from 1 to 100",
        ),
        ("{type: filesystem}", "the key 'path' is missing"),
        ("{type: filesystem, path: x, permissions: 644}", "put it in quotes"),
        ("{type: filesystem, path: x, permissions: '999'}", "expected permissions in octal"),
        ("{type: filesystem, path: x, format: xml}", "expected one of json"),
        ("{type: stdio, stream: stdin}", "expected one of stdout, stderr"),
        ("webhook", "destination: expected a mapping, got the text 'webhook'"),
    ],
)
def test_wrong_destinations_are_refused(tmp_path: Path, destination: str, message: str) -> None:
    text = f"output: {{global_destinations: [{{name: a, destination: {destination}}}]}}"

    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, text)

    assert "conf.yaml:1: output.global_destinations[0]" in caught.value.message
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ("[{destination: {type: stdio}}]", "the key 'name' is missing"),
        ("[{name: a}]", "the key 'destination' is missing"),
        ("[{name: a, destination: {type: stdio}, run_states: []}]", "at least one of completed"),
        ("[{name: a, destination: {type: stdio}, run_states: [done]}]", "one of completed"),
        ("[{name: a, destinaton: {type: stdio}}]", "did you mean 'destination'?"),
        ("[{name: a, destination: {type: stdio}}, {name: a, destination: {type: stdio}}]", "named"),
        ("{name: a}", "expected a list, got a mapping"),
        ("[5]", "expected a mapping, got the integer 5"),
    ],
)
def test_wrong_lists_of_destinations_are_refused(tmp_path: Path, items: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, f"output: {{global_destinations: {items}}}")

    assert message in caught.value.message


def test_a_secret_of_a_wrong_type_is_not_repeated(tmp_path: Path) -> None:
    text = """
output: {global_destinations: [{name: a, destination:
  {type: webhook, url: "https://x", auth: {type: bearer, token: 123454321}}}]}
server: {auth: {jwt_secret: 987656789}, port: "${PORT}"}
"""

    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, text, PORT="hunter2")

    for secret in ("123454321", "987656789", "hunter2"):
        assert secret not in caught.value.message


def test_explain_names_key_masked_value_and_source(tmp_path: Path) -> None:
    loaded = load(tmp_path, "server: {port: 9}", RATCHET_REDIS_URL="redis://u:pw@h/0")

    shown = {line.path: (line.key, line.value, line.source) for line in explain(loaded)}

    assert shown["server.port"] == ("server.port", 9, f"{tmp_path}/conf.yaml:1")
    assert shown["redis.url"] == (
        "redis.url",
        "redis://u:********@h/0",
        "environment variable RATCHET_REDIS_URL",
    )
    assert shown["http.timeout_s"] == ("http.timeout", 30.0, "default")


def test_numbers_may_come_from_variables_in_the_file(tmp_path: Path) -> None:
    loaded = load(
        tmp_path, 'server: {port: "${PORT}"}\nhttp: {verify_ssl: "${V:-false}"}', PORT="81"
    )

    assert loaded.settings.server.port == 81
    assert loaded.settings.http.verify_tls is False
