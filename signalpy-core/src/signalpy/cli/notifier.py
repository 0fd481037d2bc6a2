"""Telling the service manager how this process does, where it wants to know: the protocol of ``sd_notify(3)``."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

VARIABLE: Final = "NOTIFY_SOCKET"
PATIENCE: Final = 1.0
"""Seconds to wait for a manager that takes nothing."""

log = logging.getLogger("signalpy.cli")


class Notifier:
    """Tells what changes; nothing where nobody asked for it.

    :param address: of the datagram socket; ``@`` at its beginning stands for the abstract name space.
    """

    def __init__(self, address: str | None) -> None:
        self._address = address

    @classmethod
    def of_environment(cls) -> Notifier:
        """For the manager that started this process; child processes are none of its business."""
        return cls(os.environ.pop(VARIABLE, None))

    def ready(self, status: str) -> None:
        """All has started, or a reload is over, whatever came of it.

        :param status: in a line, for ``systemctl status``.
        """
        self._tell("READY=1", _status(status))

    def stopping(self, status: str) -> None:
        """The end has begun."""
        self._tell("STOPPING=1", _status(status))

    @contextmanager
    def reloading(self) -> Iterator[list[str]]:
        """Tells that a reload has begun, and at the end that it is over, with the last line of the list as status."""
        self._tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
        told: list[str] = []
        try:
            yield told
        finally:
            self.ready(told[-1] if told else "running")

    def _tell(self, *lines: str) -> None:
        if self._address is None:
            return
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sending:
                sending.settimeout(PATIENCE)
                sending.connect(address)
                sending.sendall("\n".join(lines).encode(errors="replace"))
        except (OSError, AttributeError) as error:
            log.warning("%s=%s cannot be told of this process: %s", VARIABLE, self._address, error)


def _status(text: str) -> str:
    return f"STATUS={' '.join(text.split())}"
