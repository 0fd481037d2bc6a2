"""What a run has at hand: how long it may take, a folder, the peers, and the trail that several families read."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from shutil import rmtree
from typing import Any, Final, Self

from benchmarks.harness import Budget, Taker
from benchmarks.peers import Peer, PeerError

ROOT: Final = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class MadeTrail:
    """A trail that was made by publishing on a bus, and what was seen meanwhile.

    :param told: what the program that made it printed.
    """

    folder: Path
    told: dict[str, Any]

    @property
    def lines(self) -> list[Path]:
        """The files that hold its records, in order."""
        return sorted(self.folder.glob("*.jsonl"))


class Lab:
    """Used as a context manager; on leaving, peers are stopped and the folder is removed.

    :param quick: a smoke run: small sizes, few rounds.
    :param peers: the Python of an environment with the peers installed, if there is one.
    :param parent: where the folder is made; the system's temporary folder, if not given.
    :param events: how many records the trail gets.
    :param replayed: how many events are replayed.
    :param effort: the budgets of all measurements are multiplied by it.
    """

    def __init__(
        self,
        *,
        quick: bool = False,
        peers: Path | None = None,
        parent: Path | None = None,
        events: int | None = None,
        replayed: int | None = None,
        effort: float = 1.0,
    ) -> None:
        self.quick = quick
        self.events = events or (10_000 if quick else 1_000_000)
        self.replayed = replayed or (1_000 if quick else 1_000_000)
        self._effort = effort
        self._python = peers
        self._parent = parent
        self._peers: dict[str, Peer] = {}
        self._made = 0

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="signalpy-benchmarks-", dir=self._parent))
        return self

    def __exit__(self, *_: object) -> None:
        for peer in self._peers.values():
            peer.close()
        rmtree(self._folder, ignore_errors=True)

    def size(self, full: int, quick: int) -> int:
        """A size for this run."""
        return quick if self.quick else full

    def budget(self, seconds: float, *, least: int = 5, most: int = 200) -> Budget:
        """The budget of one measurement; ``seconds`` are those of a full run."""
        if self.quick:
            return Budget(seconds=min(seconds, 0.3), least=min(least, 2), most=most)
        return Budget(seconds=seconds * self._effort, least=least, most=most)

    @contextmanager
    def place(self) -> Iterator[Path]:
        """Give a new folder, which is removed afterwards."""
        self._made += 1
        folder = self._folder / str(self._made)
        folder.mkdir()
        try:
            yield folder
        finally:
            rmtree(folder, ignore_errors=True)

    @property
    def folder(self) -> Path:
        """The folder of the run."""
        return self._folder

    def versions_of_peers(self) -> dict[str, str]:
        """What the peers that were measured are, by name."""
        return {name: peer.version for name, peer in sorted(self._peers.items())}

    def peers(self, sample: str, *names: str, **options: Any) -> Peers:
        """Several peers, to be measured by one sample, each with its limit in its own process.

        :param options: told to the peers' programs.
        """
        peers = Peers()
        for name in names:
            try:
                peers.add(name, self._peer(name).taker(sample, options))
            except PeerError as error:
                peers.failed[name] = str(error)
        return peers

    def _peer(self, name: str) -> Peer:
        if self._python is None:
            raise PeerError("not measured, no environment with the peers was named")
        if name not in self._peers:
            self._peers[name] = Peer(name, self._python)
        return self._peers[name]

    @cached_property
    def trail(self) -> MadeTrail:
        """A trail of `events` records, made by the first who asks for it."""
        folder = self._folder / "trail"
        return MadeTrail(folder, run_program("sustained", folder, self.events))


class Peers:
    """Peers that are measured together; one that fails is left out, and why is kept."""

    def __init__(self) -> None:
        self.takers: list[Taker] = []
        self.failed: dict[str, str] = {}

    def add(self, name: str, take: Taker) -> None:
        """Let a peer take part until it fails."""

        def take_if_it_can() -> Mapping[str, float]:
            if name not in self.failed:
                try:
                    return take()
                except PeerError as error:
                    self.failed[name] = str(error)
            return {}

        self.takers.append(take_if_it_can)

    @property
    def missing(self) -> str:
        """Which peers failed, and why, in words; empty if none did."""
        return "; ".join(f"{name}: {why}" for name, why in self.failed.items())


def run_program(name: str, *arguments: object) -> dict[str, Any]:
    """Run a program of this project's side in a process of its own, and return what it printed last."""
    done = subprocess.run(program(name, *arguments), cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{name} ended with {done.returncode}: {done.stderr.strip()[-2000:]}")
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def program(name: str, *arguments: object) -> list[str]:
    """The command line of a program."""
    return [sys.executable, "-m", f"benchmarks.programs.{name}", *map(str, arguments)]
