"""The zygote: a small process that has the engine loaded and forks sandbox processes on demand.

Started with an empty environment by `ratchet_javascript.pool`. A request is one byte on the
control socket that carries two file descriptors: the new process's socket and its lifeline. It
ends when nobody holds the other end of the control socket.
"""

from __future__ import annotations

import gc
import importlib.machinery
import importlib.util
import os
import resource
import signal
import socket
from pathlib import Path
from typing import Any, Final

from .child import serve
from .engine import Prelude

_ENGINE: Final = "_quickjs"
_STACK_BYTES: Final = 64 << 20


def main(control_fd: int, engine_path: str) -> None:
    """Detach from the starter, then fork sandbox processes until nobody can ask for one.

    Args:
        control_fd: the control socket.
        engine_path: file of the engine's extension module.
    """
    if os.fork():
        os._exit(0)  # the starter waits for this process alone, and never has a child to reap
    os.setsid()  # a terminal's Ctrl-C is for the worker, which lets a running script end
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    _raise_stack_limit()
    module = _load_engine(engine_path)
    prelude = Prelude.read(Path(__file__).with_name("js"))
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=control_fd) as control:
        while True:
            asked, fds, _, _ = socket.recv_fds(control, 1, 2)
            if not asked:
                os._exit(0)
            if len(fds) == 2:  # noqa: PLR2004  # socket and lifeline
                _fork(control_fd, fds, module, prelude)
            for fd in fds:
                os.close(fd)


def _fork(control_fd: int, fds: list[int], module: Any, prelude: Prelude) -> None:
    try:
        child = os.fork()
    except OSError:
        return  # the worker sees its socket close and says so
    if child == 0:
        try:
            os.close(control_fd)
            serve(fds[0], fds[1], module, prelude)
        finally:
            os._exit(70)


def _raise_stack_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
    if soft != resource.RLIM_INFINITY and soft < _STACK_BYTES:
        wanted = _STACK_BYTES if hard == resource.RLIM_INFINITY else min(_STACK_BYTES, hard)
        resource.setrlimit(resource.RLIMIT_STACK, (wanted, hard))


def _load_engine(path: str) -> Any:
    loader = importlib.machinery.ExtensionFileLoader(_ENGINE, path)
    spec = importlib.util.spec_from_file_location(_ENGINE, path, loader=loader)
    if spec is None:
        raise ImportError(path)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module
