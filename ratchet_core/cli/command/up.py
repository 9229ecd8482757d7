"""`ratchet up`: everything on this machine, as the children of one parent."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Iterator
from pathlib import Path

import click

import ratchet_core
from ratchet_core.cli.hosting.definitions import Synced, SyncProcess, Watching
from ratchet_core.cli.hosting.part import Part
from ratchet_core.cli.hosting.supervision import Supervision
from ratchet_core.cli.invocation import Invocation, command, pass_invocation
from ratchet_core.cli.output import to_json
from ratchet_core.cli.start import logged, make_data_dir
from ratchet_core.config import Settings, check_bind
from ratchet_core.dispatch.embedded import EmbeddedRedis, find_binary
from ratchet_core.errors import ConfigurationError, Unavailable
from ratchet_core.redaction import mask_text

#: One-file plugins are taken from here where no other folder is configured.
_PLUGINS = Path("plugins")
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where to reach what listens on all


@command("up")
@click.option("--host", help="Address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port to listen on.")
@pass_invocation
def up(invocation: Invocation, host: str | None, port: int | None) -> int:
    """Start everything on this machine: database, Redis, API server and the rest.

    Definitions of RATCHET_PATH and the plugins are loaded, and again when their files change.
    Ctrl-C ends everything, and lets running steps finish; a second one does not wait for them.
    """
    given = {"server.bind_address": host, "server.port": port}
    settings = invocation.load(given).settings
    check_bind(settings)
    make_data_dir(settings)
    _check_address(settings)
    with logged(settings), _redis(invocation, settings) as redis:
        return _run(invocation, settings, redis)


def _run(invocation: Invocation, settings: Settings, redis: EmbeddedRedis | None) -> int:
    shared = _shared_arguments(invocation)
    environ = dict(invocation.environ)
    if redis is not None:
        environ["RATCHET_REDIS_URL"] = redis.url
    if settings.plugins.directory is None and _PLUGINS.is_dir():
        environ["RATCHET_PLUGINS_DIRECTORY"] = str(_PLUGINS.absolute())
    server = settings.server
    address = ["--host", server.bind_address, "--port", str(server.port)]
    synced = SyncProcess(shared, environ).result()
    _refuse_broken(settings, synced)
    _tell_problems(invocation, synced)
    supervision = Supervision(
        Part("the API server", ["serve", *shared, *address], environ),
        Part("the worker", ["worker", *shared], environ),
        [Part(name, [words, *shared], environ) for name, words in _others(settings)],
        redis,
        Watching(settings),
        lambda: SyncProcess(shared, environ),
        on_reload=lambda found: _tell_reload(invocation, found),
    )
    return supervision.run(
        is_up=lambda: _answers(settings),
        on_up=lambda: _tell_up(invocation, settings, redis, synced),
    )


def _others(settings: Settings) -> list[tuple[str, str]]:
    """Return name and command of what runs beside the server and the worker."""
    others = [("the scheduler", "scheduler")]
    if any(source.enabled and not source.is_webhook for source in settings.input.sources):
        others.append(("the ingester", "ingest"))
    return others


def _shared_arguments(invocation: Invocation) -> list[str]:
    """Return the options that were given, for the children."""
    options = {
        "--config": invocation.config,
        "--data-dir": invocation.data_dir,
        "--log-level": invocation.log_level,
    }
    given = [(name, str(value)) for name, value in options.items() if value is not None]
    return [word for pair in given for word in pair]


@contextlib.contextmanager
def _redis(invocation: Invocation, settings: Settings) -> Iterator[EmbeddedRedis | None]:
    """Give a running server of our own, or None where one is configured or none can be had."""
    if settings.redis.url is not None:
        yield None
        return
    try:
        redis = EmbeddedRedis(settings.data_dir / "redis", find_binary(invocation.environ))
        redis.start()
    except (ConfigurationError, Unavailable) as error:
        invocation.output.warn(f"{error.message}. Going on without: drains poll the database")
        yield None
        return
    try:
        yield redis
    finally:
        redis.stop()


def _check_address(settings: Settings) -> None:
    """Refuse an address that somebody else has, before anything is started.

    Raises:
        Unavailable: names it and the way out.
    """
    server = settings.server
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            server.bind_address, server.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        reason = "is taken by another process" if error.errno == errno.EADDRINUSE else str(error)
        place = f"{server.bind_address}:{server.port}"
        message = f"{place} {reason}; choose another with --port or RATCHET_SERVER_PORT"
        raise Unavailable(message) from None


def _answers(settings: Settings) -> bool:
    host = _ANY.get(settings.server.bind_address, settings.server.bind_address)
    try:
        socket.create_connection((host, settings.server.port), timeout=0.2).close()
    except OSError:
        return False
    return True


def _refuse_broken(settings: Settings, synced: Synced) -> None:
    if settings.development.validate_on_startup and synced.problems:
        lines = "\n".join(problem.message for problem in synced.problems)
        message = f"development.validate_on_startup: these definitions are broken:\n{lines}"
        raise ConfigurationError(message)


def _tell_problems(invocation: Invocation, synced: Synced) -> None:
    for problem in synced.problems:
        invocation.output.warn(problem.message)
    for note in synced.notes:
        invocation.output.note(f"note: {note.message}")


def _tell_reload(invocation: Invocation, synced: Synced) -> None:
    _tell_problems(invocation, synced)
    changed = [*synced.added, *synced.replaced]
    if changed:
        invocation.output.note(f"reloaded: {', '.join(changed)}")


def _url(settings: Settings) -> str:
    server = settings.server
    host = _ANY.get(server.bind_address, server.bind_address)
    scheme = "https" if server.tls.cert_file is not None else "http"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{server.port}"


def _tell_up(
    invocation: Invocation, settings: Settings, redis: EmbeddedRedis | None, synced: Synced
) -> None:
    url = _url(settings)
    where = "none: drains poll the database" if redis is None else f"{redis.url} (our own)"
    if settings.redis.url is not None:
        where = settings.redis.url
    document = {
        "url": url,
        "data_dir": str(settings.data_dir.absolute()),
        "database": mask_text(settings.database.url),
        "redis": mask_text(where),
        "workers": settings.worker_processes,
        "workflows": list(synced.workflows),
        "problems": len(synced.problems),
    }
    output = invocation.output
    if invocation.json:
        output.document(document)
        return
    output.line(f"Ratchet {ratchet_core.__version__} is up: {url}", "bold green")
    broken = f", {len(synced.problems)} problems above" if synced.problems else ""
    output.line(f"  data       {document['data_dir']}")
    output.line(f"  database   {document['database']}")
    output.line(f"  redis      {document['redis']}")
    output.line(f"  workers    {settings.worker_processes}")
    output.line(f"  loaded     {len(synced.workflows)} workflow versions{broken}")
    output.line("try:")
    output.line(f"  {_example(url, synced)}")
    output.line("Ctrl-C ends everything.")


def _example(url: str, synced: Synced) -> str:
    if synced.example is None:
        return f"curl {url}/health/ready"
    body = to_json({"input": synced.example["input"]}).replace("'", "'\\''")
    task = synced.example["task_id"]
    return (
        f"curl -X POST '{url}/api/v1/tasks/{task}/execute?wait=10' "
        f"-H 'Content-Type: application/json' -d '{body}'"
    )
