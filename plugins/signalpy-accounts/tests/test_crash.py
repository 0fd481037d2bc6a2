"""Processes that are really killed: the event of a transfer is published if and only if the transfer was committed."""

import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

BANK = """
import asyncio, os, signal, sys
from signalpy import Kernel, component, hookimpl, subscribe
from signalpy_accounts import AccountService

database, heard, mode, count = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])

def die():
    os.kill(os.getpid(), signal.SIGKILL)

@component("witness")
class Witness:
    @subscribe("account.transfer")
    def on_transfer(self, event_type, data, event):
        line = f"{event.id} {data['from']} {data['to']} {data['amount']} {event.actor}\\\\n"
        with open(heard, "a") as file:
            file.write(line)
        if mode == "after-delivery":
            die()

class Death:
    @hookimpl(targets=["accounts.transfer"])
    async def signalpy_invoke(self, call, proceed):
        if mode == "before-commit":
            die()
        return await proceed()

    @hookimpl(targets=["account.transfer"])
    async def signalpy_publish(self, event, proceed):
        if mode == "before-delivery":
            die()
        return await proceed()

async def main():
    kernel = Kernel(config={"accounts": {"database": database, "busy_timeout": 30}})
    kernel.discover([AccountService, Witness])
    kernel.hooks.register(Death())
    async with kernel:
        params = {"from_account": "alice", "to_account": "bob", "amount": 1}
        for _ in range(count):
            await kernel.bus.invoke("accounts.transfer", params, actor="teller")
        await asyncio.sleep(0.2)

asyncio.run(main())
""".replace("\\\\n", "\\n")


class Bank:
    """A bank in a process of its own, with the file of its ledger and the file of all that its witness heard."""

    def __init__(self, folder: Path) -> None:
        self.database = folder / "bank.db"
        self.heard_by = folder / "heard"

    def start(self, mode: str = "live", count: int = 0) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", BANK, str(self.database), str(self.heard_by), mode, str(count)]
        return subprocess.Popen(command, stderr=subprocess.PIPE)

    def run(self, mode: str = "live", count: int = 0) -> int:
        process = self.start(mode, count)
        _, told = process.communicate(timeout=60)
        assert process.returncode in (0, -signal.SIGKILL), told.decode()
        return process.returncode

    @property
    def heard(self) -> list[str]:
        return self.heard_by.read_text().splitlines() if self.heard_by.exists() else []

    @property
    def moved(self) -> int:
        """How much bob has received."""
        with closing(sqlite3.connect(self.database)) as ledger:
            found = dict(ledger.execute("SELECT name, balance FROM account"))
        assert 175_000 == sum(found.values())
        return (int(found["bob"]) - 50_000) // 100


@pytest.fixture
def bank(tmp_path: Path) -> Bank:
    return Bank(tmp_path)


def test_killed_between_commit_and_publication(bank: Bank) -> None:
    """A transfer that was committed when the process died is told by the next one, once, on behalf of who made it."""
    assert -signal.SIGKILL == bank.run("before-delivery", 1)
    assert (1, []) == (bank.moved, bank.heard)
    assert 0 == bank.run()
    (line,) = bank.heard
    assert ["alice", "bob", "1.0", "teller"] == line.split()[1:]
    assert 0 == bank.run()
    assert [line] == bank.heard


def test_killed_before_the_commit(bank: Bank) -> None:
    """A transfer that was not committed when the process died has not happened and is never told."""
    assert -signal.SIGKILL == bank.run("before-commit", 1)
    assert 0 == bank.run()
    assert (0, []) == (bank.moved, bank.heard)


def test_killed_after_delivery(bank: Bank) -> None:
    """An event that was delivered when the process died is delivered again, known as a repeat by its id."""
    assert -signal.SIGKILL == bank.run("after-delivery", 1)
    assert 0 == bank.run()
    first, again = bank.heard
    assert first == again
    assert 1 == bank.moved


def test_killed_while_publishing_what_a_crash_left(bank: Bank) -> None:
    """However often processes die on a leftover, the first that survives tells it."""
    for _ in range(3):
        assert -signal.SIGKILL == bank.run("before-delivery", 1)
    assert 0 == bank.run()
    assert bank.moved == len(bank.heard) == len(set(bank.heard)) >= 1
    assert [bank.database.name, bank.heard_by.name] == sorted(path.name for path in bank.database.parent.iterdir())


def test_killed_at_any_moment(bank: Bank) -> None:
    """Killed at arbitrary moments under load, what was told and what moved are the same in the end."""
    assert 0 == bank.run()
    for number in range(6):
        before = len(bank.heard)
        process = bank.start(count=200)
        while len(bank.heard) == before and process.poll() is None:
            time.sleep(0.005)
        time.sleep(0.007 * number)
        process.kill()
        process.communicate()
    assert 0 == bank.run()
    assert bank.moved == len(set(bank.heard))
    assert bank.moved >= 6


def test_processes_at_once_on_one_ledger(bank: Bank) -> None:
    """Several processes that transfer from one account at once neither overdraw nor lose or double an event."""
    processes = [bank.start(count=400) for _ in range(3)]
    told = [process.communicate(timeout=120)[1].decode() for process in processes]
    assert [0, 0, 0] == [process.returncode for process in processes], told
    assert 1000 == bank.moved == len(bank.heard) == len(set(bank.heard))
