"""What a sandbox process gives up before it sees a script: rights, resources, system calls.

Linux gets all of it. Elsewhere the resource limits hold and the rest does not exist; `confine`
returns what it could do, and the worker says so in its log.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import resource
import signal
import struct
import sys
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_PR_SET_SECCOMP: Final = 22
_PR_SET_NO_NEW_PRIVS: Final = 38
_SECCOMP_MODE_FILTER: Final = 2

_KILL: Final = 0x80000000
_ALLOW: Final = 0x7FFF0000
_REFUSE: Final = 0x00050000 | 1  # EPERM: libraries that try something else go on without it

_LOAD: Final = 0x20
_JUMP_EQUAL: Final = 0x15
_JUMP_AT_LEAST: Final = 0x35
_JUMP_ANY_BIT: Final = 0x45
_RETURN: Final = 0x06

_NUMBER_AT: Final = 0
_ARCHITECTURE_AT: Final = 4
_FIRST_ARGUMENT_AT: Final = 16
_THIRD_ARGUMENT_AT: Final = 32
_PROT_EXEC: Final = 4
_X32_BIT: Final = 0x40000000

#: User and group `nobody`, for a worker that runs as root.
_NOBODY: Final = 65534

#: Architecture to (its audit number, allowed calls, calls that may not make memory executable,
#: the call that may only concern the own process).
_CALLS: Final = {
    "x86_64": (
        0xC000003E,
        {
            "read": 0, "write": 1, "close": 3, "poll": 7, "lseek": 8, "munmap": 11, "brk": 12,
            "rt_sigprocmask": 14, "rt_sigreturn": 15, "sched_yield": 24, "mremap": 25,
            "madvise": 28, "nanosleep": 35, "getpid": 39, "recvfrom": 45, "sendto": 44,
            "exit": 60, "gettimeofday": 96, "getrusage": 98, "times": 100, "gettid": 186,
            "time": 201, "futex": 202, "restart_syscall": 219, "clock_gettime": 228,
            "clock_getres": 229, "clock_nanosleep": 230, "exit_group": 231, "getrandom": 318,
            "rseq": 334,
        },
        {"mmap": 9, "mprotect": 10},
        302,
    ),
    "aarch64": (
        0xC00000B7,
        {
            "read": 63, "write": 64, "close": 57, "ppoll": 73, "lseek": 62, "munmap": 215,
            "brk": 214, "rt_sigprocmask": 135, "rt_sigreturn": 139, "sched_yield": 124,
            "mremap": 216, "madvise": 233, "nanosleep": 101, "getpid": 172, "recvfrom": 207,
            "sendto": 206, "exit": 93, "gettimeofday": 169, "getrusage": 165, "times": 153,
            "gettid": 178, "futex": 98, "restart_syscall": 128, "clock_gettime": 113,
            "clock_getres": 114, "clock_nanosleep": 115, "exit_group": 94, "getrandom": 278,
            "rseq": 293,
        },
        {"mmap": 222, "mprotect": 226},
        261,
    ),
}  # fmt: skip


def confine() -> list[str]:
    """Give up everything that running a script does not need.

    Returns:
        Names of what holds from now on: "limits", and on Linux "user" (only for root),
        "privileges" and "seccomp".
    """
    done = ["limits"]
    _limit_resources()
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if _become_nobody():
            done.append("user")
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
        if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0:
            done.append("privileges")
        if _filter_calls(libc):
            done.append("seccomp")
    return done


def limit_memory(limit_bytes: int) -> None:
    """Let the address space have `limit_bytes` at most; on Linux only."""
    if sys.platform == "linux":
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        soft = limit_bytes if hard == resource.RLIM_INFINITY else min(limit_bytes, hard)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def limit_cpu(seconds: int) -> None:
    """Let the process use `seconds` more of CPU: holds if the worker that would kill it hangs."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used = int(usage.ru_utime + usage.ru_stime)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (used + max(1, seconds) + 1, hard))


def address_space_bytes() -> int:
    """Return the size of the process's address space, 0 where it is not known."""
    try:
        with open("/proc/self/statm", "rb") as statm:  # noqa: PTH123  # pathlib stays unloaded
            return int(statm.read().split()[0]) * resource.getpagesize()
    except OSError:
        return 0


def peak_memory_bytes() -> int:
    """Return the most memory that the process ever had."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak << 10


def _limit_resources() -> None:
    for limit in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE, resource.RLIMIT_NPROC):
        resource.setrlimit(limit, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))


def _become_nobody() -> bool:
    if os.geteuid() != 0:
        return False
    with contextlib.suppress(OSError):  # a container may have taken the right to
        os.setgroups([])
        os.setresgid(_NOBODY, _NOBODY, _NOBODY)
        os.setresuid(_NOBODY, _NOBODY, _NOBODY)
        return True
    return False


def _filter_calls(libc: ctypes.CDLL) -> bool:
    if platform.machine() not in _CALLS:
        return False
    program = b"".join(struct.pack("<HBBI", *line) for line in _program(platform.machine()))
    lines = ctypes.create_string_buffer(program, len(program))
    header = ctypes.create_string_buffer(
        struct.pack("@HxxxxxxQ", len(program) // 8, ctypes.addressof(lines)), 16
    )
    done: int = libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, header, 0, 0)
    return done == 0


def _program(machine: str) -> list[tuple[int, int, int, int]]:
    """Return the BPF program: (code, lines to skip if true, if false, operand) per line."""
    architecture, allowed, mappings, own_limits = _CALLS[machine]
    program = [
        (_LOAD, 0, 0, _ARCHITECTURE_AT),
        (_JUMP_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER_AT),
        (_JUMP_AT_LEAST, 0, 1, _X32_BIT),
        (_RETURN, 0, 0, _KILL),
    ]
    for number in allowed.values():
        program += [(_JUMP_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ALLOW)]
    for number in mappings.values():
        program += [
            (_JUMP_EQUAL, 0, 4, number),
            (_LOAD, 0, 0, _THIRD_ARGUMENT_AT),
            (_JUMP_ANY_BIT, 0, 1, _PROT_EXEC),
            (_RETURN, 0, 0, _REFUSE),
            (_RETURN, 0, 0, _ALLOW),
        ]
    program += [
        (_JUMP_EQUAL, 0, 4, own_limits),
        (_LOAD, 0, 0, _FIRST_ARGUMENT_AT),
        (_JUMP_EQUAL, 0, 1, 0),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
        (_RETURN, 0, 0, _REFUSE),
    ]
    return program
