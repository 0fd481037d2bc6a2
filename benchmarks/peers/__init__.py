"""Peers: each is measured by a small program in an environment of its own, which is asked for one sample at a time.

The programs, one module each beside this one, import nothing but the peer, the standard library and those modules here
that need nothing else. A peer's process measures the bare operation, too, so that its ratio is to a limit of its own.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from benchmarks.harness import Taker

_ROOT: Final = Path(__file__).resolve().parents[2]


class PeerError(Exception):
    """A peer cannot be measured; the message says why."""


class Peer:
    """The process that measures one peer.

    :param name: of the module beside this one.
    :param python: of the environment that the peer is installed in.
    :raises PeerError: it does not start.
    """

    def __init__(self, name: str, python: Path) -> None:
        self.name = name
        command = [str(python), "-m", f"benchmarks.peers.{name.replace('-', '_')}"]
        try:
            self._process = subprocess.Popen(
                command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        except OSError as error:
            raise PeerError(f"{python}: {error.strerror}") from error
        try:
            self.version = str(self._told()["version"])
        except PeerError:
            self.close()
            raise

    def __repr__(self) -> str:
        return f"<Peer({self.name} {self.version})>"

    def taker(self, sample: str, options: Mapping[str, Any]) -> Taker:
        """What takes one sample of the peer and its limit.

        :raises PeerError: as each sample does, when it fails; one is taken here.
        """

        def take() -> Mapping[str, float]:
            self._ask({"sample": sample, **options})
            return {name: float(value) for name, value in self._told().items()}

        take()
        return take

    def close(self) -> None:
        """End the process."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _ask(self, question: Mapping[str, Any]) -> None:
        try:
            if self._process.stdin is not None:
                self._process.stdin.write(json.dumps(question) + "\n")
                self._process.stdin.flush()
        except BrokenPipeError as error:
            raise PeerError("its program has ended") from error

    def _told(self) -> dict[str, Any]:
        line = self._process.stdout.readline() if self._process.stdout is not None else ""
        if not line:
            raise PeerError(f"its program has ended with {self._process.wait()}")
        told: dict[str, Any] = json.loads(line)
        if "error" in told:
            raise PeerError(str(told["error"]))
        return told
