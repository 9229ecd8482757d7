"""What runs inside the process: js2py, behind the confinement of the plugin `javascript`.

js2py itself holds nothing back: whoever writes the script may run Python here. What holds is what
the process gave up before it saw the script: user, files, network, processes, memory, time.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import sys
from types import FrameType, SimpleNamespace
from typing import Any, Final

from ratchet_javascript.sandbox.confinement import (
    address_space_bytes,
    confine,
    limit_cpu,
    limit_memory,
)

#: Room for Python, and for the translation of the script.
_SPACE_BESIDE_BYTES: Final = 256 << 20
#: Deeper calls of Python overflow the stack of the process, which ends it.
_FRAMES: Final = 3_000


def main() -> None:
    """Answer the request of standard input on standard output, and end."""
    request = json.loads(sys.stdin.buffer.read())
    js2py: Any = importlib.import_module("js2py")  # here alone; it may not be installed
    js2py.disable_pyimport()
    _run(js2py, [["warm.js", "(function (i) { return i; })"]], "{}")  # what it loads needs files
    jseval: Any = sys.modules["js2py.host.jseval"]
    jseval.inspect = SimpleNamespace(stack=_frames)
    limit_memory(address_space_bytes() + _SPACE_BESIDE_BYTES + request["memory_bytes"])
    limit_cpu(request["cpu_s"])
    confine()
    sys.setrecursionlimit(_FRAMES)
    answer = json.dumps(_answer(js2py, request)).encode()
    left = memoryview(answer)
    while left:
        left = left[os.write(1, left) :]
    os._exit(0)


def _frames() -> list[tuple[FrameType]]:
    """Return the frames of the caller, as js2py's `eval` looks for them.

    `inspect.stack` would read the sources of each, and there are no files any more.
    """
    found, frame = [], inspect.currentframe()
    while frame is not None:
        found.append((frame,))
        frame = frame.f_back
    return found[1:]


def _answer(js2py: Any, request: dict[str, Any]) -> dict[str, Any]:
    try:
        text = _run(js2py, request["files"], json.dumps(request["input"]))
    except MemoryError:
        return _error("MemoryLimitError", "the script ran out of memory")
    except RecursionError:
        return _error("RangeError", "the script called itself too often")
    except Exception as error:  # noqa: BLE001 - whatever js2py makes of what the script threw
        name, _, message = str(error).partition(": ")
        is_class = name.isidentifier() and name.endswith("Error")
        return _error(name, message) if is_class else _error("Error", str(error))
    if len(text) > request["output_bytes"]:
        most = request["output_bytes"]
        return _error("OutputLimitError", f"the script's result is above {most} bytes as JSON")
    return {"result": json.loads(text)}


def _run(js2py: Any, files: list[list[str]], given: str) -> str:
    """Run the prelude, and the script's last expression with the input; return JSON text."""
    engine = js2py.EvalJs({})
    for _, source in files[:-1]:
        engine.execute(source)
    script = files[-1][1]
    engine.execute(
        f"var __made = eval({json.dumps(script)});"
        "if (typeof __made !== 'function') __made = main;"
        f"var __result = __made(JSON.parse({json.dumps(given)}));"
        "var __text = JSON.stringify(__result === undefined ? null : __result);"
    )
    return str(engine.eval("__text"))


def _error(name: str, message: str) -> dict[str, Any]:
    return {"error": {"names": [name], "message": message[:10_000]}}
