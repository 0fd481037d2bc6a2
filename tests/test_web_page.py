"""The page on web applications: its files, as they stand, run under two uvicorn workers on one trail."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from signalpy_audit_trail import open_trail

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "web.md").read_text()
FILES = re.compile(r"^`(?P<path>[\w./]+)`[^\n]*:\n\n```\w+\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
COMMANDS = [line[2:] for block in re.findall(r"^```console\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
            for line in block.splitlines()]  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files of the page."""
    for found in FILES.finditer(PAGE):
        (tmp_path / found["path"]).write_text(found["text"])
    return tmp_path


@pytest.fixture
def server(folder: Path) -> Iterator[str]:
    """The page's server command on a free port of loopback, until both workers answered."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (command,) = [each for each in COMMANDS if each.startswith("uvicorn ")]
    words = [sys.executable, "-m", *shlex.split(command), "--port", str(port)]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("SIGNALPY")}
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(words, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            wait_for_workers(folder, process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.send_signal(signal.SIGTERM)
            code = process.wait(30)
    assert code in (0, -signal.SIGTERM), (folder / "server.log").read_text()


def wait_for_workers(folder: Path, process: subprocess.Popen[bytes]) -> None:
    """Until both say that they are up."""
    for _ in range(600):
        said = (folder / "server.log").read_text()
        if said.count("Application startup complete") == 2:
            return
        assert process.poll() is None, said
        time.sleep(0.1)
    raise AssertionError(said)


async def ask(client: httpx.AsyncClient, user: str | None, path: str) -> httpx.Response:
    """One POST, as ``user`` or as nobody."""
    auth = httpx.BasicAuth(user, "x") if user else None
    headers = {"x-request-id": f"{user}{path.partition('?')[0]}", "connection": "close"}  # any worker may take the next
    return await client.post(path, params={"amount": 4}, auth=auth, headers=headers)


async def ask_all(url: str) -> list[tuple[str | None, str, httpx.Response]]:
    """Every route, as ten users and as nobody, all at once."""
    asked = [
        (user, f"/{route}/{user}{turn}")
        for user in (None, *(f"user{n}" for n in range(10)))
        for turn in range(3)
        for route in ("pay", "refund", "later", "both")
    ]
    async with httpx.AsyncClient(base_url=url, timeout=60, limits=httpx.Limits(max_connections=30)) as client:
        answers = await asyncio.gather(*(ask(client, user, path) for user, path in asked))
    return [(user, path, answer) for (user, path), answer in zip(asked, answers, strict=True)]


def calls(folder: Path) -> list[dict[str, Any]]:
    """The calls that the trail holds."""
    with open_trail(folder / "audit-trail") as trail:
        assert "holds" == trail.verify().verdict
        return list(trail.query(kind="invoke", limit=1000, order="asc")["entries"])


async def test_no_actor_is_lost_and_nobody_is_refused(folder: Path, server: str) -> None:
    """def and async def routes, background tasks and pools: each call is recorded under its user, in its request."""
    answers = await ask_all(server)
    by_nobody = [answer.status_code for user, path, answer in answers if user is None and "/later/" not in path]
    assert {401} == set(by_nobody)
    assert {200} == {answer.status_code for user, _, answer in answers if user is not None}
    recorded: list[dict[str, Any]] = []
    for _ in range(100):  # background tasks run after the answer
        recorded = calls(folder)
        if len(recorded) == 11 * 3 * 5:
            break
        await asyncio.sleep(0.1)
    allowed = [record for record in recorded if record["outcome"] == "success"]
    told = [(one["actor"], one["action"], one["data"]["params"]["account"]) for one in allowed]
    expected = [
        (f"user{n}", action, f"user{n}{turn}")
        for n in range(10)
        for turn in range(3)
        for action in ("payments.pay", "payments.pay", "payments.pay", "payments.pay", "payments.refund")
    ]
    assert sorted(expected) == sorted(told)
    assert all("127.0.0.1" == one["client"]["ip"] for one in recorded)
    assert all(one["client"]["request_id"] == one["correlation_id"] for one in recorded)
    denied = [record for record in recorded if record["outcome"] == "denied"]
    assert {None} == {record.get("actor") for record in denied}
    assert (11 * 3 * 5, 3 * 5) == (len(recorded), len(denied))
    assert 2 == len({record["origin"]["process"] for record in recorded}), "both workers took part"


def test_the_commands_of_the_page_answer_on_its_trail(folder: Path, server: str) -> None:
    """Beside the running workers."""
    paid = httpx.post(f"{server}/pay/a", params={"amount": 4}, auth=("alice", "x"), timeout=60)
    assert 200 == paid.status_code
    commands = [shlex.split(each) for each in COMMANDS if each.startswith("signalpy ")]
    assert 2 == len(commands)
    query, verify = (
        subprocess.run([sys.executable, "-m", *words], cwd=folder, capture_output=True, text=True, timeout=60)
        for words in commands
    )
    assert (0, 0) == (query.returncode, verify.returncode), (query.stderr, verify.stderr)
    assert "payments.pay" in query.stdout
    assert "alice" in query.stdout
