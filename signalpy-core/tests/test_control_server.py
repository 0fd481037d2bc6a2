"""A kernel's socket: what it answers, as whom, and clients that are slow, hostile, or gone."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from signalpy import BootError, Kernel, component, hookimpl, lifecycle, runnable
from signalpy.control import Client, ControlError, server
from signalpy.operation import acting_as

ME = pwd.getpwuid(os.geteuid()).pw_name


@component("clock", version="1.0")
class Clock:
    rt: Any

    def __init__(self) -> None:
        self.ended: list[str] = []
        self.calls: list[tuple[Any, ...]] = []

    @runnable("tell")
    async def tell(self, params: Any) -> Any:
        from signalpy.operation import current

        here = current()
        assert here is not None
        self.calls.append((here.actor, here.on_behalf_of, dict(here.client or {})))
        return {"now": object(), "asked": dict(params)}

    @runnable("slow")
    async def slow(self) -> str:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            self.ended.append("cancelled")
            raise
        return "done"

    @runnable("brief")
    async def brief(self) -> str:
        await asyncio.sleep(0.3)
        return "done"

    @runnable("fail")
    def fail(self) -> None:
        raise ValueError("out of\ntime")


class Told:
    """Keeps what is published and what policies change."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    @hookimpl
    async def signalpy_record(self, operation: Any, proceed: Any) -> Any:
        if operation.kind == "publish" and operation.name.startswith(("kernel.control", "kernel.policy")):
            self.events.append(operation)
        return await proceed()

    @property
    def names(self) -> list[str]:
        return [event.name for event in self.events]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose path is short enough for a socket."""
    made = Path(tempfile.mkdtemp(prefix="sp-", dir="/tmp"))
    yield made
    shutil.rmtree(made)


@pytest.fixture
async def kernel(folder: Path) -> AsyncIterator[Kernel]:
    kernel = Kernel({"kernel": {"socket": str(folder / "s"), "shutdown_deadline": 1}})
    kernel.discover([Clock])
    async with kernel:
        yield kernel


@pytest.fixture
def told(kernel: Kernel) -> Told:
    found = Told()
    kernel.hooks.register(found)
    return found


@pytest.fixture
def ask(folder: Path) -> Callable[..., Any]:
    """Asks as a program without an event loop would, in a thread."""

    def one(command: str, params: dict[str, Any] | None = None, **more: Any) -> Any:
        with Client(str(folder / "s"), timeout=10) as client:
            return client.ask(command, params, **more)

    return lambda *args, **kwargs: asyncio.to_thread(one, *args, **kwargs)


@asynccontextmanager
async def connection(folder: Path) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_unix_connection(str(folder / "s"), limit=1 << 22)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def left(folder: Path) -> list[Path]:
    return list(folder.iterdir())


class TestAnswers:
    async def test_status(self, kernel: Kernel, ask: Callable[..., Any]) -> None:
        """What runs, since when, in which versions, and how much of it."""
        found = await ask("status")
        assert ("running", os.getpid(), {"active": 2}, 0) == (
            found["state"],
            found["pid"],
            found["components"],
            found["operations"],
        )
        assert {"uptime", "started", "version", "python", "configuration", "recorders"} < set(found)

    async def test_plugins_and_why(self, kernel: Kernel, ask: Callable[..., Any]) -> None:
        """The live states, as the kernel itself tells them."""
        assert [row.as_dict() for row in kernel.plugins()] == await ask("plugins")
        assert {"name": "clock", "why": kernel.why("clock"), "known": True} == await ask("why", {"name": "clock"})
        assert not (await ask("why", {"name": "clok"}))["known"]

    async def test_a_call_is_made_as_the_peers_user(
        self, kernel: Kernel, ask: Callable[..., Any], folder: Path
    ) -> None:
        """Whoever he says he is: that is for whom he does it. The result is what JSON can hold of it."""
        with acting_as("somebody else"):
            assert {"now": {"$type": "builtins.object"}, "asked": {"a": 1}} == await ask(
                "invoke", {"target": "clock.tell", "params": {"a": 1}}, on_behalf_of="alice"
            )
        client = {"uid": os.geteuid(), "pid": os.getpid(), "socket": str(folder / "s")}
        assert [(ME, "alice", client)] == kernel.get("clock").calls

    @pytest.mark.parametrize(
        ("command", "params", "kind", "words", "no"),
        [
            ("whi", {}, "TargetNotFound", "knows no command 'whi'. Did you mean 'why'?", False),
            ("why", {}, "InvalidParams", "why: Object missing required field 'name'", False),
            ("status", {"x": 1}, "InvalidParams", "unknown field 'x'", False),
            ("invoke", {"target": "clock.tel"}, "TargetNotFound", "Did you mean 'clock.tell'", False),
            ("invoke", {"target": "clock.fail"}, "ValueError", "ValueError: out of time", True),
            ("invoke", {"target": "clock.brief", "params": {"a": 1}}, "InvalidParams", "clock.brief", False),
            ("policy.set", {"name": "clock", "keys": {"audti": 1}}, "PolicyError", "Did you mean 'audit'?", False),
            ("reload", {}, "LifecycleError", "was not made from a file", False),
        ],
    )
    async def test_what_goes_wrong_is_told(  # noqa: PLR0917 - one for each column
        self, kernel: Kernel, ask: Callable[..., Any], command: str, params: Any, kind: str, words: str, no: bool
    ) -> None:
        """By kind, in a line, and whether the command ran at all."""
        with pytest.raises(ControlError) as caught:
            await ask(command, params)
        assert (kind, no) == (caught.value.kind, caught.value.no)
        assert words in str(caught.value)

    async def test_a_refused_call_names_the_rule(self, kernel: Kernel, ask: Callable[..., Any]) -> None:
        """The policy of the caller ``kernel`` counts at the socket too."""
        kernel.set_policy("kernel", {"invoke_deny": ["clock.*"]})
        with pytest.raises(
            ControlError, match=r'kernel may not invoke clock\.tell: policy "kernel": invoke_deny'
        ) as caught:
            await ask("invoke", {"target": "clock.tell"})
        assert caught.value.no

    async def test_a_policy_change_has_a_receipt(self, kernel: Kernel, ask: Callable[..., Any], told: Told) -> None:
        """Before, after, and under which correlation id it is found."""
        first = await ask("policy.set", {"name": "clock", "keys": {"audit": "full"}})
        second = await ask("policy.set", {"name": "clock", "keys": {"audit": None, "require_actor": True}})
        assert (None, {"audit": "full"}) == (first["before"], first["after"])
        assert ({"audit": "full"}, {"require_actor": True}) == (second["before"], second["after"])
        assert {"entries": {"clock": {"require_actor": True}}} == await ask("policy")
        await asyncio.sleep(0.1)  # the event comes in its turn
        assert [first["correlation_id"], second["correlation_id"]] == [
            event.correlation_id for event in told.events if event.name == "kernel.policy.changed"
        ]

    async def test_policies_are_checked_and_explained(self, kernel: Kernel, ask: Callable[..., Any]) -> None:
        """As they are in force, with the runnables that there are."""
        kernel.set_policy("clok", {"audit": True})
        kernel.set_policy("kernel", {"invoke_deny": ["clock.fast"]})
        assert [("clok", ""), ("kernel", "invoke_deny")] == [
            (item["entry"], item["key"]) for item in await ask("policy.check")
        ]
        [told] = await ask("policy.explain", {"caller": "kernel", "name": "clock.fast", "action": "invoke"})
        assert not told["allowed"]
        assert ("kernel", "run time") == (told["lines"][0]["entry"], told["lines"][0]["source"])


class TestRecords:
    async def test_every_use_is_told_once(self, kernel: Kernel, ask: Callable[..., Any], told: Told) -> None:
        """By an event of the kernel's own with the user as its actor; a policy change is told as such."""
        await ask("status")
        await ask("why", {"name": "clock"})
        await ask("invoke", {"target": "clock.tell", "params": {"secret": 1}})
        await ask("policy.set", {"name": "clock", "keys": {"audit": "full"}})
        with pytest.raises(ControlError):
            await ask("policy.set", {"name": "clock", "keys": {"audti": "full"}})
        await asyncio.sleep(0.1)  # the kernel's own events come in their turn
        told.events.sort(key=lambda event: event.name)
        assert [
            "kernel.control.invoke",
            "kernel.control.policy.set",
            "kernel.control.status",
            "kernel.control.why",
            "kernel.policy.changed",
        ] == told.names
        assert {ME} == {event.actor for event in told.events}
        assert {"command": "invoke", "params": {"target": "clock.tell"}} == dict(told.events[0].data)
        assert ["success", "failure", "success", "success", "success"] == [event.outcome for event in told.events]

    async def test_what_cannot_be_recorded_is_answered_all_the_same(
        self, kernel: Kernel, ask: Callable[..., Any], caplog: pytest.LogCaptureFixture
    ) -> None:
        """Who asks why nothing can be recorded needs the answer most."""

        class Broken:
            @hookimpl
            async def signalpy_record(self, operation: Any, proceed: Any) -> Any:
                raise OSError("disk full")

        kernel.hooks.register(Broken())
        assert "running" == (await ask("status"))["state"]
        assert "the use of the socket for 'status' could not be told: OSError: disk full" in caplog.text


class TestLife:
    async def test_it_answers_while_the_kernel_boots_and_while_it_stops(self, folder: Path) -> None:
        """Then above all somebody wants to know what it is waiting for."""
        seen: list[str] = []

        def status() -> None:
            with Client(str(folder / "s"), timeout=5) as client:
                seen.append(client.ask("status")["state"])

        @component("door")
        class Door:
            @lifecycle.activate
            async def activate(self) -> None:
                await asyncio.to_thread(status)

            @lifecycle.deactivate
            async def deactivate(self) -> None:
                await asyncio.to_thread(status)

        kernel = Kernel({"kernel": {"socket": str(folder / "s")}})
        kernel.discover([Door])
        async with kernel:
            assert ["booting"] == seen
        assert ["booting", "stopping"] == seen
        assert [] == left(folder)

    async def test_a_place_that_is_taken_fails_the_boot_before_anything_starts(
        self, kernel: Kernel, folder: Path, ask: Callable[..., Any]
    ) -> None:
        """In one line; the first process goes on."""
        second = Kernel({"kernel": {"socket": str(folder / "s")}})
        second.discover([Clock])
        with pytest.raises(BootError, match=r"\[kernel\] socket: a process that runs serves at"):
            await second.boot()
        assert "stopped" == second.state
        assert "running" == (await ask("status"))["state"]

    async def test_a_boot_that_fails_leaves_no_socket(self, folder: Path) -> None:
        """It is removed with everything else."""
        kernel = Kernel({"kernel": {"socket": str(folder / "s")}, "plugins": {"required": ["nobody"]}})
        kernel.discover([Clock])
        with pytest.raises(BootError):
            await kernel.boot()
        assert [] == left(folder)


class TestClients:
    async def raw(self, folder: Path, sent: bytes, *, half_close: bool = False) -> list[Any]:
        """What comes back for some bytes, until the end."""
        async with connection(folder) as (reader, writer):
            writer.write(sent)
            if half_close:
                writer.write_eof()
            lines = await asyncio.wait_for(reader.read() if half_close else reader.readline(), 10)
        return [json.loads(line) for line in lines.splitlines()]

    async def test_requests_on_one_connection_are_answered_in_turn(self, kernel: Kernel, folder: Path) -> None:
        """Also when they come at once, and when the client then closes its own side."""
        two = b'{"v":1,"command":"invoke","params":{"target":"clock.brief"}}\n{"v":1,"command":"policy"}\n'
        assert ["done", {"entries": {}}] == [item["result"] for item in await self.raw(folder, two, half_close=True)]

    async def test_what_is_no_request_is_answered(self, kernel: Kernel, folder: Path) -> None:
        """With an error, and the connection goes on."""
        found = await self.raw(folder, b'hello\n\x00\n{"v":1,"command":"policy"}\n', half_close=True)
        assert ["ControlError", "ControlError"] == [item["error"]["type"] for item in found[:2]]
        assert {"entries": {}} == found[2]["result"]

    async def test_a_line_without_end(self, kernel: Kernel, folder: Path, ask: Callable[..., Any]) -> None:
        """It is cut off at its bound, and told."""
        [found] = await self.raw(folder, b"x" * (2 << 20))
        assert "expected a line of at most 1048576 bytes" in found["error"]["message"]
        assert "running" == (await ask("status"))["state"]

    async def test_a_client_that_goes_cancels_what_it_asked_for(self, kernel: Kernel, folder: Path, told: Told) -> None:
        """And that is told as cancelled."""
        async with connection(folder) as (_, writer):
            writer.write(b'{"v":1,"command":"invoke","params":{"target":"clock.slow"}}\n')
            await asyncio.sleep(0.2)
        for _ in range(100):
            await asyncio.sleep(0.05)
            if told.events:
                break
        assert ["cancelled"] == kernel.get("clock").ended
        assert [("kernel.control.invoke", "cancelled")] == [(event.name, event.outcome) for event in told.events]

    async def test_a_client_that_says_nothing_is_sent_away(
        self, kernel: Kernel, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Half a request does not keep a place for ever."""
        monkeypatch.setattr(server, "IDLE", 0.2)
        async with connection(folder) as (reader, writer):
            writer.write(b'{"v":1,')
            assert b"" == await asyncio.wait_for(reader.read(), 5)

    async def test_a_client_that_does_not_read_is_sent_away(
        self, kernel: Kernel, folder: Path, monkeypatch: pytest.MonkeyPatch, ask: Callable[..., Any]
    ) -> None:
        """The others are served meanwhile, and nothing is left of it."""
        monkeypatch.setattr(server, "SEND", 0.3)
        blob = {"blob": "x" * 900_000}
        request = json.dumps({"v": 1, "command": "invoke", "params": {"target": "clock.tell", "params": blob}})
        with socket.socket(socket.AF_UNIX) as client:
            client.setblocking(False)
            await asyncio.get_running_loop().sock_connect(client, str(folder / "s"))
            await asyncio.get_running_loop().sock_sendall(client, request.encode() + b"\n")
            await asyncio.sleep(1.5)
            assert "running" == (await ask("status"))["state"]
            client.settimeout(5)
            received = 0
            while part := await asyncio.to_thread(client.recv, 1 << 16):
                received += len(part)
            assert received < 900_000

    async def test_connections_are_bounded(
        self, kernel: Kernel, folder: Path, ask: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """One too many is told so; a place that is free again can be had."""
        monkeypatch.setattr(server, "MOST_CONNECTIONS", 2)
        async with connection(folder), connection(folder):
            await asyncio.sleep(0.1)
            with pytest.raises(ControlError, match="connections are open already"):
                await ask("status")
        await asyncio.sleep(0.3)
        assert "running" == (await ask("status"))["state"]

    async def test_who_hangs_up_before_the_refusal_is_no_event(
        self, kernel: Kernel, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """However many do: nothing is logged of it, least of all a traceback for each."""
        monkeypatch.setattr(server, "MOST_CONNECTIONS", 0)
        for _ in range(30):
            with socket.socket(socket.AF_UNIX) as client:
                client.setblocking(False)
                await asyncio.get_running_loop().sock_connect(client, str(folder / "s"))
        await asyncio.sleep(0.3)
        assert [] == [record.getMessage() for record in caplog.records if record.levelname != "DEBUG"]

    async def test_open_connections_do_not_keep_a_kernel_from_stopping(self, folder: Path) -> None:
        """Neither silent ones nor one whose call runs."""
        kernel = Kernel({"kernel": {"socket": str(folder / "s"), "shutdown_deadline": 0.2}})
        kernel.discover([Clock])
        async with kernel, connection(folder), connection(folder) as (_, busy):
            busy.write(b'{"v":1,"command":"invoke","params":{"target":"clock.slow"}}\n')
            await asyncio.sleep(0.2)
            await asyncio.wait_for(kernel.shutdown(), 5)

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
    async def test_another_user_is_not_let_in(self, kernel: Kernel, folder: Path) -> None:
        """The mode keeps him out, and where somebody has loosened it the check of who he is."""
        code = f"""
import os, socket, sys
os.setuid(65534)
client = socket.socket(socket.AF_UNIX)
try:
    client.connect({str(folder / "s")!r})
except PermissionError:
    print("refused")
    sys.exit()
print(client.recv(1000).decode())
"""
        await asyncio.to_thread(folder.chmod, 0o755)
        run = [sys.executable, "-c", code]
        assert b"refused\n" == (await asyncio.to_thread(subprocess.run, run, capture_output=True)).stdout
        await asyncio.to_thread((folder / "s").chmod, 0o666)
        assert b"may not enter" in (await asyncio.to_thread(subprocess.run, run, capture_output=True)).stdout


def test_a_client_says_why_it_cannot_ask(folder: Path) -> None:
    """There is none, it has ended, or it is none."""
    with pytest.raises(ControlError, match="there is no such socket"):
        Client(str(folder / "nothing"))
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(folder / "dead"))
    dead.close()
    with pytest.raises(ControlError, match="has ended"):
        Client(str(folder / "dead"))
    with pytest.raises(ControlError, match="too long"):
        Client(str(folder / ("x" * 200)))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_a_client_trusts_its_own_user_and_root_alone(folder: Path) -> None:
    """He may not enter where he must not, and does not tell a stranger what he wants where he could."""
    folder.chmod(0o777)
    code = f"""
import os, pwd, socket
from signalpy.control import Client, ControlError

listening = socket.socket(socket.AF_UNIX)
listening.bind({str(folder / "private")!r})
os.chmod({str(folder / "private")!r}, 0o600)
serving = os.fork()
if serving == 0:
    os.setuid(65533)
    stranger = socket.socket(socket.AF_UNIX)
    stranger.bind({str(folder / "stranger")!r})
    stranger.listen()
    os.chmod({str(folder / "stranger")!r}, 0o666)
    stranger.accept()
    os._exit(0)
stranger = {str(folder / "stranger")!r}
while not os.path.exists(stranger) or os.stat(stranger).st_mode & 0o666 != 0o666:
    pass
os.setuid(65534)
for name in ("private", "stranger"):
    try:
        Client({str(folder)!r} + "/" + name)
    except ControlError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "" == done.stderr
    private, stranger = done.stdout.splitlines()
    assert private.endswith("permission denied: only the user of the process and root may enter. Ask as one of them.")
    assert stranger.endswith("belongs to uid:65533, who is neither you nor root.")
