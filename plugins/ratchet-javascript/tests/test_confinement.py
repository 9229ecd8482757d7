"""What a sandbox process cannot do, tried from inside one and looked up from outside."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from javascript_attempt import attempt

from ratchet_javascript import JavaScriptHandler
from ratchet_javascript.sandbox import confinement

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's means are Linux's")

ATTEMPTS = """
import ctypes, json, mmap, os, resource, socket, sys
from ratchet_javascript.sandbox.confinement import confine, limit_cpu, limit_memory

libc = ctypes.CDLL(None, use_errno=True)
read_end, write_end = os.pipe()
parent, told = os.getppid(), {}

def forbidden(name, act):
    try:
        act()
    except OSError as error:
        told[name] = error.errno
    else:
        told[name] = "done"

def call(name, number, *arguments):
    def act():
        if libc.syscall(number, *arguments) < 0:
            raise OSError(ctypes.get_errno(), name)
    forbidden(name, act)

held = confine()
forbidden("socket", lambda: socket.socket())
forbidden("socketpair", lambda: socket.socketpair())
forbidden("open", lambda: os.open("/etc/passwd", os.O_RDONLY))
forbidden("create", lambda: os.open("/tmp/ratchet-escape", os.O_CREAT | os.O_WRONLY))
forbidden("fork", lambda: os.fork())
forbidden("execute", lambda: os.execv("/bin/true", ["true"]))
forbidden("kill", lambda: os.kill(parent, 0))
forbidden("list", lambda: os.listdir("/"))
forbidden("remove", lambda: os.unlink("/tmp/ratchet-escape"))
forbidden("become root", lambda: os.setuid(0))
forbidden("executable memory", lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_EXEC | mmap.PROT_READ))
forbidden("limits of others", lambda: resource.prlimit(parent, resource.RLIMIT_CORE))
forbidden("trace", lambda: call_ptrace())
call("unshare", 272, 0x10000000)
call("bpf", 321, 0)
call("io_uring", 425, 1, 0)

def call_ptrace():
    if libc.ptrace(16, parent, 0, 0) < 0:
        raise OSError(ctypes.get_errno(), "ptrace")
forbidden("trace", call_ptrace)

os.write(write_end, b"x")
limit_cpu(5)
limit_memory(1 << 30)
works = [os.read(read_end, 1) == b"x", len(os.urandom(8)) == 8, len(bytearray(5 << 20)) == 5 << 20]
os.write(1, json.dumps({"held": held, "told": told, "works": works}).encode())
os._exit(0)
"""


def test_a_confined_process_reaches_nothing_but_its_open_files() -> None:
    script = ATTEMPTS.replace('forbidden("trace", lambda: call_ptrace())\n', "")
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30
    )

    answer = json.loads(done.stdout)

    assert {"limits", "privileges"} <= set(answer["held"])
    assert answer["works"] == [True, True, True]
    if "seccomp" not in answer["held"]:
        pytest.skip("this kernel has no seccomp filters")
    assert [name for name, errno in answer["told"].items() if errno != 1] == []


def test_the_sandbox_of_scripts_is_confined(handler: JavaScriptHandler) -> None:
    handler.process(attempt("1"))
    process = Path(f"/proc/{handler._pool._idle[-1].pid}")
    status = dict(
        line.split(":\t", 1)
        for line in (process / "status").read_text().splitlines()
        if ":\t" in line
    )
    limits = (process / "limits").read_text()

    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"
    assert int(status["CapEff"], 16) == 0
    assert "0" not in status["Uid"].split()
    assert status["Threads"] == "1"
    for line in ("Max core file size", "Max file size", "Max processes"):
        assert limits.partition(line)[2].split()[:2] == ["0", "0"]
    assert limits.partition("Max address space")[2].split()[0].isdigit()
    assert limits.partition("Max cpu time")[2].split()[0].isdigit()


def test_the_sandbox_inherits_no_environment_and_no_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RATCHET_SECRET", "in the environment")
    with (tmp_path / "open").open("w"):
        fresh = JavaScriptHandler()
        fresh.process(attempt("1"))
        process = Path(f"/proc/{fresh._pool._idle[-1].pid}")
        try:
            files = sorted(
                str(link.readlink()).partition(":")[0] for link in (process / "fd").iterdir()
            )
            environment = (process / "environ").read_bytes()
            mapped = (process / "maps").read_text()
        except PermissionError:
            pytest.skip("the sandbox lets nobody look into it but root: run this test as root")
        finally:
            fresh.close()

    assert files == ["/dev/null", "/dev/null", "/dev/null", "pipe", "socket"]
    assert environment == b""
    assert "orjson" not in mapped
    assert "sqlite" not in mapped


def test_the_sandbox_knows_nothing_of_ratchet() -> None:
    folder = Path(confinement.__file__).parent

    imported = [
        line
        for path in folder.glob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.startswith(("import ratchet", "from ratchet", "from .."))
    ]

    assert imported == []
