"""Imports one module in a process of its own and tells, as JSON on its last line, what that did besides.

Run by path, ``python -P probe.py MODULE PACKAGE``: it imports nothing of pytest, and first everything of signalpy.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import signal
import sys
import threading
import warnings
from typing import Any, Final

import pydantic  # noqa: F401 - what core imports is no doing of the plugin

import signalpy.kernel  # noqa: F401

CHANGES: Final = {
    "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod",
    "sqlite3.connect",
}  # fmt: skip
OPENS: Final = {
    "socket.__new__", "socket.connect", "socket.bind", "socket.getaddrinfo", "subprocess.Popen", "os.system", "os.exec",
    "os.fork", "os.posix_spawn",
}  # fmt: skip
HEARD: Final = {"open", "_thread.start_new_thread", *CHANGES, *OPENS}
WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Probe:
    """Listens to the interpreter while an import runs."""

    def __init__(self, package: str) -> None:
        self.package = package
        self.listening = False
        self.found: dict[str, list[str]] = {"writes": [], "opens": [], "starts": [], "changes": [], "warns": []}

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        """An audit hook: keeps what the package's own code causes, not what other modules do when they are imported."""
        if not self.listening or event not in HEARD or not self._own():
            return
        if event == "open" and len(arguments) == 3 and (arguments[2] or 0) & WRITING and arguments[0] != os.devnull:
            self.found["writes"].append(f"opens {arguments[0]} for writing")
        elif event in CHANGES:
            self.found["writes"].append(f"{event} {arguments[0]}")
        elif event in OPENS:
            self.found["opens"].append(event)
        elif event == "_thread.start_new_thread":
            self.found["starts"].append("a thread")

    def _own(self) -> bool:
        frame = sys._getframe(2)
        while frame is not None:
            name = str(frame.f_globals.get("__name__", ""))
            if name.partition(".")[0] == self.package:
                return True
            if name.startswith("importlib._bootstrap"):
                return False
            frame = frame.f_back  # type: ignore[assignment]
        return False


def state() -> dict[str, Any]:
    """What is global to a process, as far as it is not a plugin's to change."""
    root = logging.getLogger()
    return {
        "the root logger": [len(root.handlers), root.level, logging.root.manager.disable],
        "the logging class": str(logging.getLoggerClass()),
        "signal handlers": [str(signal.getsignal(number)) for number in sorted(signal.valid_signals())],
        "the environment": sorted(os.environ.items()),
        "sys.path": list(sys.path),
        "the working directory": os.getcwd(),  # noqa: PTH109
        "exception hooks": [str(sys.excepthook), str(threading.excepthook), str(sys.unraisablehook)],
        "the umask": _umask(),
    }


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def main(module: str, package: str) -> None:
    """Imports, and prints what was found."""
    import asyncio

    probe = Probe(package)
    made = asyncio.new_event_loop

    def noted_loop() -> asyncio.AbstractEventLoop:
        probe.found["starts"].append("an event loop")
        return made()

    asyncio.new_event_loop = asyncio.events.new_event_loop = noted_loop
    before, threads = state(), threading.active_count()
    sys.addaudithook(probe.hear)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        probe.listening = True
        imported = importlib.import_module(module)
        probe.listening = False
    folder = os.path.dirname(str(sys.modules[package].__file__))  # noqa: PTH120
    probe.found["warns"] += [
        f"{item.category.__name__}: {item.message}" for item in caught if item.filename.startswith(folder)
    ]
    if threading.active_count() > threads and not probe.found["starts"]:
        probe.found["starts"].append("a thread")
    probe.found["changes"] += [what for what, value in state().items() if before[what] != value]
    print("\n" + json.dumps({**probe.found, "module": imported.__name__}))  # noqa: T201 - it is what was asked for


if __name__ == "__main__":
    main(*sys.argv[1:])
