"""Throw-away distributions, as an installer would leave them, and processes that have them on their path."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from queue import Empty, Queue
from threading import Thread

import pytest

import signalpy

COMPONENT = """
from signalpy import component, runnable


@component({name!r}, version="1.0")
class Service:
    @runnable("ping", description="Answers")
    def ping(self):
        return "pong from {name}"
"""

TATTLING = """
from pathlib import Path

Path({mark!r}).write_text("imported")
"""


class Site:
    """A folder of installed distributions that is made for one test."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.mark = root / "imported.txt"
        root.mkdir(exist_ok=True)

    @property
    def path(self) -> list[str]:
        return [str(self.root)]

    @property
    def imported(self) -> bool:
        """Whether a module that `tattling` wrote was imported by anyone."""
        return self.mark.exists()

    def install(
        self,
        name: str,
        version: str = "1.0",
        *,
        entry_points: str = "",
        modules: Mapping[str, str] | None = None,
        metadata: str = "",
        files: Mapping[str, str] | None = None,
    ) -> Path:
        """Writes the modules, METADATA, entry_points.txt and a RECORD with their hashes; the `.dist-info` folder."""
        stem = name.replace("-", "_").replace(".", "_")
        info = f"{stem}-{version}.dist-info"
        content = dict(modules or {})
        content[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{metadata}\n"
        content[f"{info}/INSTALLER"] = "tests\n"
        if entry_points:
            content[f"{info}/entry_points.txt"] = entry_points
        content.update({f"{info}/{file}": text for file, text in (files or {}).items()})
        for path, text in content.items():
            target = self.root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        rows = [f"{path},{_hash(text)},{len(text.encode())}" for path, text in content.items()]
        (self.root / info / "RECORD").write_text("\n".join([*rows, f"{info}/RECORD,,"]) + "\n")
        return self.root / info

    def component(
        self, distribution: str, name: str, version: str = "1.0", *, metadata: str = "", extra: str = ""
    ) -> Path:
        """Installs a distribution with one working component, whose module writes a file when it is imported."""
        module = distribution.replace("-", "_").lower()
        return self.install(
            distribution,
            version,
            entry_points=f"[signalpy.components]\n{name} = {module}:Service\n{extra}",
            modules={f"{module}.py": self.tattling() + COMPONENT.format(name=name)},
            metadata=metadata,
        )

    def tattling(self) -> str:
        """Source of a module that writes a file when it is imported."""
        return TATTLING.format(mark=str(self.mark))

    def signalpy(self, *arguments: str, cwd: Path | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
        """Runs `python -m signalpy …` with this folder first on the path."""
        return subprocess.run(
            [sys.executable, "-m", "signalpy", *arguments],
            capture_output=True,
            text=True,
            cwd=cwd or self.root.parent,
            env={**_environ(), "PYTHONPATH": str(self.root), **environ},
            timeout=60,
            check=False,
        )


class Serving:
    """`signalpy run` in the folder above the site, on a file that a test may change; its log comes line by line."""

    def __init__(self, site: Site, *arguments: str, **environ: str) -> None:
        self.folder = site.root.parent
        self.file = self.folder / "signalpy.toml"
        self._lines: Queue[str] = Queue()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "signalpy", "run", *arguments],
            cwd=self.folder,
            env={**_environ(), "PYTHONPATH": str(site.root), **environ},
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reading = Thread(target=self._read, daemon=True)
        self._reading.start()

    def write(self, text: str) -> None:
        """Puts another file in the place of the old one, as editors do."""
        draft = self.file.with_suffix(".draft")
        draft.write_text(text)
        draft.replace(self.file)

    def until(self, words: str, *, seconds: float = 20) -> str:
        """The next line of the log that has these words."""
        end = time.monotonic() + seconds
        seen: list[str] = []
        while time.monotonic() < end:
            with contextlib.suppress(Empty):
                seen.append(self._lines.get(timeout=0.1))
                if words in seen[-1]:
                    return seen[-1]
        raise AssertionError(f"no line with {words!r} in {seen}")

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ends it, and gives its exit code."""
        self.process.send_signal(number)
        code = self.process.wait(timeout=30)
        self.close()
        return code

    def close(self) -> None:
        """Makes sure that nothing of it is left."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._reading.join()
        assert self.process.stderr is not None
        self.process.stderr.close()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._lines.put(line.rstrip("\n"))


def _environ() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith("SIGNALPY")}


def _hash(text: str) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
    return f"sha256={digest}"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "site")


@pytest.fixture
def serving(site: Site) -> Iterator[Callable[..., Serving]]:
    """Starts `signalpy run` with the given arguments and environment; what a test leaves running is killed."""
    started: list[Serving] = []

    def start(*arguments: str, **environ: str) -> Serving:
        started.append(Serving(site, *arguments, **environ))
        return started[-1]

    yield start
    for process in started:
        if process.process.poll() is None:
            process.close()


@pytest.fixture
def importable(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """The same folder, on the path of this process; what was imported from it is forgotten afterwards."""
    monkeypatch.syspath_prepend(str(site.root))
    before = set(sys.modules)
    yield site
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(site.root)):
            del sys.modules[name]


@pytest.fixture
def bare(tmp_path: Path) -> Site:
    """A folder with everything that core needs, and core itself, but no plugin; to be used with `python -S`."""
    root = tmp_path / "bare"
    root.mkdir()
    for folder in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for item in Path(folder).iterdir():
            name = item.name.lower()
            own = name.startswith(("signalpy", "_signalpy", "__editable__"))
            if name.startswith("signalpy_core") or not (own or item.suffix == ".pth"):
                (root / item.name).symlink_to(item)
    (root / "signalpy").symlink_to(Path(signalpy.__file__).parent)
    return Site(root)
