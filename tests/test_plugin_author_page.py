"""The page for authors of plugins: its files, changes and commands, as they stand, end in an application."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Iterator
from email import message_from_bytes, policy
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path
from threading import Thread

import pytest
import yaml

from signalpy import Kernel
from signalpy.cli.new import TEMPLATE

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "plugin-author.md").read_text()
BLOCK = re.compile(r"(?P<before>(?:^[^\n]+\n)*)\n?^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
PATH = re.compile(r"`([\w./]+\.(?:py|toml))`")


class Index(BaseHTTPRequestHandler):
    """An index of packages on loopback: takes what twine uploads, and hands it to pip."""

    files: dict[str, bytes]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        form = message_from_bytes(
            b"Content-Type: " + self.headers["Content-Type"].encode() + b"\r\n\r\n" + body, policy=policy.HTTP
        )
        for part in form.iter_parts():
            if part.get_filename():
                self.files[part.get_filename()] = part.get_payload(decode=True)
        self.answer(b"")

    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2]
        links = "".join(f'<a href="/files/{each}">{each}</a>' for each in self.files)
        self.answer(self.files[name] if name else links.encode())

    def answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def index() -> Iterator[str]:
    """The address of an index that is empty."""
    Index.files = {}
    server = ThreadingHTTPServer(("127.0.0.1", 0), Index)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


class Reader:
    """Somebody who follows the page to the letter."""

    def __init__(self, desk: Path, index: str) -> None:
        self.folder = desk / "plugins"
        self.path = Path()
        self.index = index
        for folder in (self.folder, desk / "bank"):
            folder.mkdir()

    def environ(self) -> dict[str, str]:
        """The variables of a shell in which the folder's environment is active; pip and twine know one index."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("SIGNALPY", "PYTEST", "PIP"))}
        binaries = environment(self.folder.parents[0] if self.folder.name.startswith("signalpy") else self.folder)
        return kept | {
            "PATH": f"{binaries}{os.pathsep}{kept['PATH']}",
            "PIP_INDEX_URL": f"{self.index}simple",
            "PIP_NO_BUILD_ISOLATION": "0",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "TWINE_REPOSITORY_URL": self.index,
            "TWINE_USERNAME": "ada",
            "TWINE_PASSWORD": "of the test",
            "TWINE_NON_INTERACTIVE": "1",
        }

    def put(self, text: str) -> None:
        """Writes a file, over what is there."""
        (self.folder / self.path).write_text(text)

    def change(self, text: str) -> None:
        """Makes the change of a diff, whose lines that stay or go are there once."""
        lines = text.splitlines(keepends=True)
        old, new = ("".join(line[1:] for line in lines if line[0] in kept) for kept in (" -", " +"))
        found = (self.folder / self.path).read_text()
        assert 1 == found.count(old), (self.path, old)
        (self.folder / self.path).write_text(found.replace(old, new))

    def run(self, text: str) -> None:
        """Runs commands; each prints what is shown, and succeeds unless an error is shown."""
        for step in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            command, _, shown = step.partition("\n")
            words = list(self.words(command))
            if words[0] == "cd":
                self.folder = (self.folder / words[1]).resolve()
                continue
            done = subprocess.run(
                words, cwd=self.folder, env=self.environ(), capture_output=True, text=True, timeout=200
            )
            fails = shown.startswith("signalpy: ")
            assert fails == (done.returncode != 0), (command, done.stdout, done.stderr)
            pattern = ".*".join(re.escape(part) for part in shown.rstrip().split("…"))
            printed = (done.stderr if fails else done.stdout).rstrip()
            assert re.fullmatch(pattern, printed, re.DOTALL), (command, printed)

    def words(self, command: str) -> Iterator[str]:
        """The words as a shell would hand them over; what is installed beside these tests is run as a module."""
        for word in shlex.split(command):
            if word in ("signalpy", "ruff", "mypy"):
                yield from ("python", "-m", word)
            elif "*" in word:
                yield from sorted(str(path.relative_to(self.folder)) for path in self.folder.glob(word))
            else:
                yield word
            if word == "build":
                yield "--no-isolation"  # the backend is installed beside these tests, and nothing is downloaded


@cache
def environment(folder: Path) -> Path:
    """Where the programs of an environment are that sees what is installed beside these tests, its pip included."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / ".venv"], check=True)
    scheme = {"base": str(folder / ".venv"), "platbase": str(folder / ".venv")}
    packages = Path(sysconfig.get_path("purelib", "venv", scheme))
    (packages / "beside.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    return Path(sysconfig.get_path("scripts", "venv", scheme))


@pytest.mark.skipif(
    int(version("packaging").split(".")[0]) < 26,
    reason="the page's twine reads the metadata that hatchling writes today with packaging 26, and not with the oldest",
)
def test_the_page_ends_in_an_application(tmp_path: Path, index: str) -> None:
    """Every file, change and command, one after the other; the plugin is really uploaded, and downloaded again."""
    reader = Reader(tmp_path, index)
    does = {"python": reader.put, "diff": reader.change, "console": reader.run}
    for block in BLOCK.finditer(PAGE):
        named = PATH.search(block["before"])
        if block["kind"] in ("python", "diff") and named is not None:
            reader.path = Path(named[1])
        does.get(block["kind"], str)(block["text"])
    assert {"signalpy_loyalty-0.1.0-py3-none-any.whl", "signalpy_loyalty-0.1.0.tar.gz"} == set(Index.files)


def test_the_dependencies_that_are_shown_are_those_of_the_template() -> None:
    """The page shows the ranges that `signalpy new` writes."""
    [shown] = [block["text"] for block in BLOCK.finditer(PAGE) if "dependencies = " in block["text"]]
    template = (TEMPLATE / "project" / "pyproject.toml.jinja").read_text()
    core = yaml.safe_load((TEMPLATE / "copier.yml").read_text())["core"]["default"]
    for dependency in tomllib.loads(shown)["dependencies"]:
        assert f'"{dependency}"' in template.replace("{{ core }}", core)


async def test_the_rule_that_is_shown_protects(tmp_path: Path) -> None:
    """With it the account is stored encrypted, and whoever may query reads it."""
    [shown] = [block["text"] for block in BLOCK.finditer(PAGE) if "privacy.rules" in block["text"]]
    table = {"store": f"file://{tmp_path}/trail", **tomllib.loads(shown)["audit-trail"]}
    kernel = Kernel({"audit-trail": table})
    kernel.discover(["audit-trail"])
    earned = {"account": "alice", "points": 25}
    async with kernel:
        await kernel.bus.publish("loyalty.earned", earned, subject="alice")
        [read] = (await kernel.bus.invoke("audit-trail.query", {"type": "loyalty.*"}))["entries"]
    assert earned == read["data"]
    stored = b"".join(path.read_bytes() for path in (tmp_path / "trail").glob("*.jsonl"))
    assert b'"account":{"$encrypted":' in stored
    assert b"alice" not in stored
