"""Tests of loading settings: precedence, sources, and refusals that name their place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from ratchet_core.config import LoadedSettings, Settings, load_settings
from ratchet_core.config.unread import UNREAD
from ratchet_core.errors import ConfigurationError

Load = Callable[..., LoadedSettings]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Return a function that loads settings from a text, an environment and overrides."""

    def load_text(
        text: str | bytes | None = None,
        environ: Mapping[str, str] | None = None,
        overrides: Mapping[str, object] | None = None,
    ) -> LoadedSettings:
        path = None
        if text is not None:
            path = tmp_path / "conf.yaml"
            path.write_bytes(text.encode() if isinstance(text, str) else text)
        return load_settings(path, environ or {}, overrides, directory=tmp_path)

    return load_text


def refusal(load: Load, *args: object) -> str:
    """Return the message that loading is refused with."""
    with pytest.raises(ConfigurationError) as caught:
        load(*args)
    return caught.value.message


# ── defaults and precedence ─────────────────────────────────────────────────────────────────────
def test_without_any_source_the_defaults_hold(load: Load) -> None:
    loaded = load()

    assert loaded.settings.server.port == 8080
    assert loaded.settings.server.bind_address == "127.0.0.1"
    assert loaded.settings.execution.max_execution_duration_s == 300
    assert loaded.settings.worker.lease_s == 30
    assert loaded.settings.worker.heartbeat_s == 5
    assert loaded.settings.worker.worker_count >= 1
    assert loaded.warnings == ()
    assert loaded.sources == {}
    assert loaded.source_of("server.port") == "default"


def test_settings_can_be_made_without_loading() -> None:
    settings = Settings(data_dir=Path("/srv/ratchet"))

    assert settings.database.url == "sqlite:////srv/ratchet/ratchet.db"


def test_file_environment_and_override_win_in_this_order(load: Load) -> None:
    text = "server: {port: 1001}\nhttp: {timeout: 11}\nlogging: {level: warn}"
    environ = {"RATCHET_SERVER_PORT": "1002", "RATCHET_HTTP_TIMEOUT": "12"}

    loaded = load(text, environ, {"server.port": 1003, "redis.url": None})

    assert loaded.settings.server.port == 1003
    assert loaded.settings.http.timeout_s == 12
    assert loaded.settings.logging.level == "warn"
    assert loaded.source_of("server.port") == "override"
    assert loaded.source_of("http.timeout_s") == "environment variable RATCHET_HTTP_TIMEOUT"
    assert loaded.source_of("logging.level").endswith("conf.yaml:3")


def test_the_file_is_found_by_name_then_by_variable_then_in_the_directory(tmp_path: Path) -> None:
    for name, port in (("named.yaml", 1), ("variable.yaml", 2), ("ratchet.yaml", 3)):
        (tmp_path / name).write_text(f"server: {{port: {port}}}")
    environ = {"RATCHET_CONFIG": str(tmp_path / "variable.yaml")}

    ports = [
        load_settings(path, env, directory=tmp_path).settings.server.port
        for path, env in ((tmp_path / "named.yaml", environ), (None, environ), (None, {}))
    ]

    assert ports == [1, 2, 3]


def test_a_file_that_is_named_and_absent_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"gone\.yaml: cannot be read: No such file"):
        load_settings(tmp_path / "gone.yaml", {})


def test_an_override_may_use_the_key_of_the_file(load: Load) -> None:
    loaded = load(None, {}, {"server.workers.worker_count": "3", "http.timeout_s": 2})

    assert loaded.settings.worker.worker_count == 3
    assert loaded.settings.http.timeout_s == 2


def test_an_unknown_override_is_refused_with_the_nearest(load: Load) -> None:
    assert "did you mean 'server.port'?" in refusal(load, None, {}, {"server.prt": 1})


# ── the environment ─────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("variable", "text", "path", "value"),
    [
        ("RATCHET_SERVER_PORT", "3000", "server.port", 3000),
        ("RATCHET_SERVER_BIND_ADDRESS", "10.0.0.5", "server.bind_address", "10.0.0.5"),
        ("RATCHET_SERVER_HOST", "::1", "server.bind_address", "::1"),
        ("RATCHET_REDIS_URL", "redis://r:6379/1", "redis.url", "redis://r:6379/1"),
        ("RATCHET_DATA_DIR", "/srv/r", "data_dir", Path("/srv/r")),
        ("RATCHET_PATH", "/a:/b b:", "registry.paths", (Path("/a"), Path("/b b"))),
        (
            "RATCHET_EGRESS_ALLOW",
            "db.local, 10.0.0.0/8",
            "egress.allow",
            ("db.local", "10.0.0.0/8"),
        ),
        ("RATCHET_LOG_LEVEL", "DEBUG", "logging.level", "debug"),
        ("RATCHET_LOG_FORMAT", "json", "logging.format", "json"),
        ("RATCHET_HTTP_TIMEOUT", "60", "http.timeout_s", 60.0),
        ("RATCHET_HTTP_USER_AGENT", "me/1", "http.user_agent", "me/1"),
        ("RATCHET_HTTP_VERIFY_SSL", "false", "http.verify_tls", False),
        ("RATCHET_CACHE_SIZE", "200", "cache.definitions", 200),
        ("RATCHET_CACHE_ENABLED", "0", "cache.enabled", False),
        (
            "RATCHET_RATE_LIMIT_REQUESTS_PER_MINUTE",
            "120",
            "server.rate_limit.requests_per_minute",
            120,
        ),
        ("RATCHET_MAX_EXECUTION_SECONDS", "60", "execution.max_execution_duration_s", 60.0),
        ("RATCHET_VALIDATE_SCHEMAS", "false", "execution.validate_schemas", False),
        (
            "RATCHET_OUTPUT_MAX_CONCURRENT_DELIVERIES",
            "50",
            "output.max_concurrent_deliveries",
            50,
        ),
        ("RATCHET_OUTPUT_MAX_CONCURRENT", "51", "output.max_concurrent_deliveries", 51),
        ("RATCHET_OUTPUT_DEFAULT_TIMEOUT", "5", "output.default_timeout_s", 5.0),
        ("RATCHET_OUTPUT_VALIDATE_STARTUP", "false", "output.validate_on_startup", False),
        ("RATCHET_DATABASE_MAX_CONNECTIONS", "20", "database.max_connections", 20),
        ("RATCHET_DATABASE_TIMEOUT", "7", "database.connection_timeout_s", 7.0),
        ("RATCHET_WORKER_COUNT", "3", "worker.worker_count", 3),
    ],
)
def test_ratchet_111_environment_variables_override(
    load: Load, variable: str, text: str, path: str, value: object
) -> None:
    loaded = load(None, {variable: text})

    found: object = loaded.settings
    for name in path.split("."):
        found = getattr(found, name)
    assert found == value
    assert loaded.source_of(path) == f"environment variable {variable}"
    assert len(loaded.warnings) == (path in UNREAD)


@pytest.mark.parametrize("name", ["GRACE_PERIOD_S", "GRACE_PERIOD"])
def test_a_variable_may_be_spelt_like_the_key_of_the_file(load: Load, name: str) -> None:
    loaded = load(environ={f"RATCHET_EXECUTION_TIMEOUT_{name}": "0.5"})

    assert loaded.settings.execution.timeout_grace_period_s == 0.5
    assert loaded.warnings == ()


def test_an_empty_variable_counts_as_unset(load: Load) -> None:
    loaded = load(None, {"RATCHET_SERVER_PORT": "", "RATCHET_REDIS_URL": " "})

    assert loaded.settings == load().settings


def test_an_unknown_variable_is_warned_about_with_the_nearest_name(load: Load) -> None:
    loaded = load(None, {"RATCHET_SERVR_PORT": "1", "OTHER": "x"})

    (warning,) = loaded.warnings
    assert str(warning) == (
        "environment variable RATCHET_SERVR_PORT: no setting is called so;"
        " did you mean 'RATCHET_SERVER_PORT'?"
    )


def test_the_variable_that_names_the_file_is_not_warned_about(load: Load) -> None:
    assert load("", {"RATCHET_CONFIG": "unused.yaml"}).warnings == ()


def test_plugin_settings_come_from_file_and_environment(load: Load) -> None:
    text = "plugins: {settings: {ratchet-javascript: {memory_bytes: 1, lib: x}}, strict: true}"
    environ = {
        "RATCHET_PLUGIN_JAVASCRIPT__MEMORY_BYTES": "64",
        "RATCHET_PLUGIN_API_KEY__STORE__PREFIX": "on",
    }

    loaded = load(text, environ)

    assert loaded.settings.plugins.strict is True
    assert loaded.settings.plugins.of("javascript") == {"memory_bytes": 64, "lib": "x"}
    assert loaded.settings.plugins.of("API_KEY") == {"store": {"prefix": "on"}}
    assert loaded.settings.plugins.of("unheard-of") == {}
    assert loaded.warnings == ()


def test_a_plugin_variable_that_runs_into_a_value_is_refused(load: Load) -> None:
    environ = {"RATCHET_PLUGIN_X__A": "1", "RATCHET_PLUGIN_X__A__B": "2"}

    assert "RATCHET_PLUGIN_X__A__B" in refusal(load, None, environ)


def test_a_malformed_plugin_variable_is_warned_about(load: Load) -> None:
    (warning,) = load(None, {"RATCHET_PLUGIN_JAVASCRIPT_MEMORY": "1"}).warnings

    assert "RATCHET_PLUGIN_<NAME>__<KEY>" in warning.message


# ── wrong values ────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("server: {prot: 8080}", "server.prot: unknown key; did you mean 'port'?"),
        ("servr: {}", "servr: unknown key; did you mean 'server'?"),
        ("database: {url: x}", "database: unknown key; did you mean 'server.database'?"),
        ("zzz: 1", "zzz: unknown key; known are auth, cache"),
        ("server: {port: http}", "server.port: expected an integer, got the text 'http'"),
        ("server: {port: '8080'}", "server.port: expected an integer, got the text '8080'"),
        ("server: {port: 8080.0}", "server.port: expected an integer, got the number 8080.0"),
        ("server: {port: true}", "server.port: expected an integer, got the boolean true"),
        ("server: {port: 65536}", "expected a value from 0 to 65535, got the integer 65536"),
        ("server: {port: -1}", "expected a value from 0 to 65535, got the integer -1"),
        ("server: {port: [1]}", "server.port: expected an integer, got a list"),
        ("server: 8080", "server: expected a mapping, got the integer 8080"),
        ("server: [a]", "server: expected a mapping, got a list"),
        ("http: {verify_ssl: on}", "http.verify_ssl: expected true or false, got the text 'on'"),
        ("http: {verify_ssl: 1}", "expected true or false, got the integer 1"),
        ("http: {timeout: .inf}", "http.timeout: expected a finite number, got the number inf"),
        ("http: {timeout: .nan}", "http.timeout: expected a finite number, got the number nan"),
        ("http: {timeout: 0}", "expected a value from 0.1 to 3600"),
        ("http: {user_agent: 5}", "expected a text, got the integer 5: put it in quotes"),
        ("http: {user_agent: ''}", "http.user_agent: expected a text, got an empty one"),
        ("logging: {level: debg}", "got the text 'debg'; did you mean 'debug'?"),
        ("egress: {allow: db.local}", "egress.allow: expected a list, got the text 'db.local'"),
        ("egress: {allow: [1]}", "egress.allow[0]: expected a text, got the integer 1"),
        (f"server: {{port: {'9' * 400}}}", "a number of 400 digits is out of every range"),
        (f"worker: {{recycle_after_steps: {'9' * 30}}}", "expected a number below 10^18"),
        ("worker: {recycle_after_s: -1}", "expected a value of at least 0"),
        (
            "server: {host: a, bind_address: b}",
            "server.bind_address: says the same as 'server.host': use one",
        ),
        ("execution: {fetch_variables: {url_var: 5}}", "expected a text, got the integer 5"),
        ("mcp: {enabled: maybe}", "mcp.enabled: expected true or false"),
        ("plugins: {settings: {x: 5}}", "plugins.settings.x: expected a mapping"),
        ("plugins: {settings: {a_b: {}, a-b: {}}}", "the plugin 'a-b' stands twice"),
        ("logging: {targets: [{path: x}]}", "logging.targets[0]: the key 'type' is missing"),
        ("logging: {targets: [{type: file}]}", "logging.targets[0]: the key 'path' is missing"),
        ("logging: {targets: [{type: consol}]}", "did you mean 'console'?"),
        ("logging: {targets: [{type: console, path: x}]}", "unknown key; known are type, level"),
        ("registry: {sources: [{name: a}]}", "registry.sources[0]: the key 'uri' is missing"),
    ],
)
def test_wrong_values_are_refused_with_file_line_key_and_reason(
    load: Load, text: str, message: str
) -> None:
    refused = refusal(load, text)

    assert message in refused
    assert "conf.yaml:1: " in refused


def test_every_problem_is_reported_at_once(load: Load) -> None:
    text = "server:\n  prot: 1\n  port: x\nlogging:\n  level: 5\n"

    lines = refusal(load, text, {"RATCHET_HTTP_TIMEOUT": "soon"}).split("\n")

    assert [line.rsplit("conf.yaml", maxsplit=1)[-1].split(" ")[0] for line in lines[:3]] == [
        ":2:",
        ":3:",
        ":5:",
    ]
    assert lines[3] == (
        "environment variable RATCHET_HTTP_TIMEOUT: http.timeout_s: expected a number,"
        " got the text 'soon'"
    )


@pytest.mark.parametrize(
    "text", ["8080x", "١٢", "1_000", "1e3", "0x1F", "\uff18\uff10", "+-1", "9" * 5000]
)
def test_a_variable_that_is_no_plain_integer_is_refused(load: Load, text: str) -> None:
    assert "expected an integer" in refusal(load, None, {"RATCHET_SERVER_PORT": text})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("worker: {lease_s: 9, heartbeat_s: 5}", "at most a third of the lease (9)"),
        ("worker: {queues: []}", "must name at least one queue"),
        ("server: {database: {min_connections: 11}}", "(11) is above max_connections (10)"),
        ("redis: {url: 'http://x'}", "starts with redis://"),
        ("server: {tls: {cert_file: a.pem}}", "TLS needs both"),
        ("server: {cors: {allowed_origins: ['*'], allow_credentials: true}}", "name them"),
        ("server: {cors: {allowed_origins: ['*']}}", "while authentication is off"),
        ("logging: {log_to_file: true}", "`logging.log_file_path` is not set"),
        ("output: {default_retry_policy: {initial_delay_ms: 60000}}", "is above `max_delay_ms`"),
        (
            "registry: {sources: [{name: a, uri: x}, {name: a, uri: y}]}",
            "two sources are named 'a'",
        ),
        ("auth: {authentication_enabled: true}", "names no authenticator"),
        ("auth: {authorization_enabled: true}", "while authentication is off"),
        ("auth: {authenticators: [jwt], authenticator_class: x.Y}", "use one"),
        ("server: {auth: {jwt_secret: short}}", "at least 32 characters"),
    ],
)
def test_rules_across_settings_are_kept_and_name_the_line(
    load: Load, text: str, message: str
) -> None:
    refused = refusal(load, text)

    assert message in refused
    assert "conf.yaml:1: " in refused


def test_a_jwt_secret_and_the_auth_block_together_are_refused(load: Load) -> None:
    secret = "0123456789abcdef0123456789abcdef"
    text = f"server: {{auth: {{jwt_secret: {secret}}}}}\nauth: {{authentication_enabled: false}}"

    refused = refusal(load, text)

    assert "use either `server.auth.jwt_secret` or the `auth:` block" in refused
    assert secret not in refused


def test_a_jwt_secret_alone_switches_authentication_on(load: Load) -> None:
    loaded = load(None, {"RATCHET_JWT_SECRET": "x" * 32})

    assert loaded.settings.auth.is_on
    assert loaded.settings.auth.jwt_secret is not None
    assert loaded.settings.auth.jwt_secret.reveal() == "x" * 32
    assert "xxx" not in repr(loaded.settings)


def test_the_auth_block_of_seed_002_loads(load: Load) -> None:
    """Source: seed 002, "Custom Authentication"."""
    text = "auth: {authentication_enabled: true, authenticator_class: YourCustomAuthenticator}"

    auth = load(text).settings.auth

    assert auth.is_on
    assert auth.authenticator_class == "YourCustomAuthenticator"


# ── keys without effect ─────────────────────────────────────────────────────────────────────────
def test_a_key_without_effect_is_warned_about_once_with_its_reason(load: Load) -> None:
    (warning,) = load("server:\n  job_queue: {max_queue_size: 10000}").warnings

    assert warning.place.line == 2
    assert warning.place.key == "server.job_queue.max_queue_size"
    assert warning.message.startswith("accepted, no effect: runs wait in the database")


def test_variables_without_effect_are_warned_about(load: Load) -> None:
    (warning,) = load(None, {"RATCHET_MCP_ENABLED": "true"}).warnings

    assert "accepted, no effect: this version has no MCP server" in warning.message


def test_sources_that_are_not_files_are_warned_about(load: Load) -> None:
    text = """
registry:
  sources:
    - {name: local, uri: "file://./sample/js-tasks", polling_interval: 30,
       config: {watch: true, debounce_ms: 1000, ignore_patterns: ["*.tmp"]}}
    - {name: remote, uri: "https://github.com/a/b.git", auth_name: gh, config: {branch: main}}
    - {name: off, uri: /srv/tasks, enabled: false}
"""

    loaded = load(text)

    assert loaded.settings.registry.directories == (Path("sample/js-tasks"),)
    local = loaded.settings.registry.sources[0]
    assert (local.watch, local.debounce_s, local.ignore_patterns) == (True, 1.0, ("*.tmp",))
    assert [warning.place.key for warning in loaded.warnings] == [
        "registry.sources[0].polling_interval",
        "registry.sources[1].auth_name",
        "registry.sources[1].uri",
    ]


def test_a_key_without_a_value_counts_as_absent(load: Load) -> None:
    loaded = load("server:\n  port:\nlogging:\n  log_file_path: null\nhttp:\n")

    assert loaded.settings == load().settings


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "null\n", "{}\n"])
def test_an_empty_file_is_no_error(load: Load, text: str) -> None:
    assert load(text).settings == load().settings
