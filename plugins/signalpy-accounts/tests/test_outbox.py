"""Events and changes belong together: refused events, lost records, cancelled callers, and what a crash left."""

import asyncio
import json
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from signalpy import (
    AuditUnavailable,
    Kernel,
    OutcomeUnrecorded,
    PolicyDenied,
    Publication,
    Refused,
    acting_as,
    component,
    hookimpl,
    subscribe,
)
from signalpy_accounts import AccountService, outbox
from signalpy_accounts.announcement import Announcement
from signalpy_accounts.book import Change, Opening, Transfer
from signalpy_accounts.money import Currency
from signalpy_accounts.sqlite_ledger import SqliteLedger

START = {"alice": 1000.0, "bob": 500.0, "charlie": 250.0}
TOLD = {"from": "alice", "to": "bob", "amount": 150.0}
Around = Callable[[Publication, Callable[[], Awaitable[Any]]], Awaitable[Any]]


@component("witness", version="1.0", depends=["accounts"])
class Witness:
    """Hears everything that accounts publishes; activated after accounts."""

    def __init__(self) -> None:
        self.heard: list[Publication] = []
        self.news = asyncio.Event()
        self.pause = 0.0

    @subscribe("account.*")
    async def on_event(self, event_type: str, data: Any, event: Publication) -> None:
        await asyncio.sleep(self.pause)
        self.heard.append(event)
        self.news.set()

    async def waited_for(self, count: int) -> list[Publication]:
        async with asyncio.timeout(10):
            while len(self.heard) < count:
                self.news.clear()
                await self.news.wait()
        return self.heard


class AroundEvents:
    """A hook around every event of accounts."""

    def __init__(self, around: Around) -> None:
        self.around = around

    @hookimpl(targets=["account.*"])
    async def signalpy_publish(self, event: Publication, proceed: Callable[[], Awaitable[Any]]) -> Any:
        return await self.around(event, proceed)


class Recording:
    """A recorder around every event of accounts."""

    def __init__(self, around: Around) -> None:
        self.around = around

    @hookimpl
    async def signalpy_record(self, operation: Any, proceed: Callable[[], Awaitable[Any]]) -> Any:
        if isinstance(operation, Publication) and operation.event_type.startswith("account."):
            return await self.around(operation, proceed)
        return await proceed()


@pytest.fixture(params=["memory", "sqlite"])
def kernel(request: pytest.FixtureRequest, tmp_path: Path) -> Kernel:
    return kernel_on(tmp_path / "bank.db" if request.param == "sqlite" else None)


def kernel_on(database: Path | None) -> Kernel:
    kernel = Kernel(config={"accounts": {"database": str(database)}} if database else {})
    kernel.discover([AccountService, Witness])
    return kernel


async def pay(kernel: Kernel, source: str = "alice", target: str = "bob", amount: float = 150) -> Any:
    params = {"from_account": source, "to_account": target, "amount": amount}
    return await kernel.bus.invoke("accounts.transfer", params)


async def balances(kernel: Kernel) -> dict[str, float]:
    found: dict[str, float] = await kernel.bus.invoke("accounts.balance", {})
    return found


@pytest.mark.parametrize("error", [Refused("not today"), AuditUnavailable("the log is full")])
async def test_a_refused_event_takes_its_transfer_back(kernel: Kernel, error: Exception) -> None:
    """If an event is refused before anybody heard of it, the caller gets that error and nothing moved."""

    async def refuse(event: Publication, proceed: Any) -> None:
        raise error

    async with kernel:
        kernel.hooks.register(hook := AroundEvents(refuse))
        with pytest.raises(type(error)):
            await pay(kernel)
        assert START == await balances(kernel)
        kernel.hooks.unregister(hook)
        assert (await pay(kernel))["ok"]
        assert 1 == len(kernel.get("witness").heard)


@pytest.mark.parametrize(
    ("target", "params"),
    [
        ("accounts.transfer", {"from_account": "alice", "to_account": "bob", "amount": 1}),
        ("accounts.open", {"account": "dave", "initial": 5}),
        ("accounts.close", {"account": "empty"}),
    ],
)
async def test_a_policy_that_denies_the_event_denies_the_change(kernel: Kernel, target: str, params: Any) -> None:
    """A component that may not publish changes nothing either, whatever the change."""
    async with kernel:
        await kernel.bus.invoke("accounts.open", {"account": "empty"})
        kernel.set_policy("accounts", {"publish_deny": ["account.*"]})
        with pytest.raises(PolicyDenied):
            await kernel.bus.invoke(target, params)
        assert {**START, "empty": 0.0} == await balances(kernel)
        kernel.set_policy("accounts", {"publish_deny": None})
        assert "ok" in await kernel.bus.invoke(target, params)


async def test_an_event_without_a_record_is_not_repeated(kernel: Kernel) -> None:
    """A transfer whose event was delivered but not recorded says so, with its result; it is done, and told once."""

    async def lose(event: Publication, proceed: Any) -> None:
        await proceed()
        raise OutcomeUnrecorded("the disk is full")

    async with kernel:
        kernel.hooks.register(hook := Recording(lose))
        with pytest.raises(OutcomeUnrecorded, match="could not be recorded") as error:
            await pay(kernel)
        assert {"ok": True, "balances": {"alice": 850.0, "bob": 650.0}} == error.value.result
        kernel.hooks.unregister(hook)
        await pay(kernel)
        assert 2 == len({event.id for event in kernel.get("witness").heard}) == len(kernel.get("witness").heard)


async def test_an_event_that_may_have_been_heard_is_told_again(kernel: Kernel) -> None:
    """After a failure that leaves open who heard, the change stands and the event is published again, under its id."""

    async def fail_once(event: Publication, proceed: Any) -> None:
        await proceed()
        kernel.hooks.unregister(hook)
        raise RuntimeError("a hook broke")

    async with kernel:
        kernel.hooks.register(hook := AroundEvents(fail_once))
        with pytest.raises(OutcomeUnrecorded, match="not published yet and will be") as error:
            await pay(kernel)
        assert {"ok": True, "balances": {"alice": 850.0, "bob": 650.0}} == error.value.result
        first, again = await kernel.get("witness").waited_for(2)
        assert (first.id, first.data, first.occurred_at) == (again.id, again.data, again.occurred_at)
        assert {**START, "alice": 850.0, "bob": 650.0} == await balances(kernel)


async def test_a_refused_event_whose_money_went_on_is_told_later(kernel: Kernel) -> None:
    """A transfer that cannot be taken back stands, and its event follows as soon as it is not refused any more."""

    async def spend_and_refuse(event: Publication, proceed: Any) -> None:
        if event.data["to"] == "bob":
            await pay(kernel, "bob", "charlie", 650)
            kernel.hooks.unregister(hook)
            raise Refused("not today")
        await proceed()

    async with kernel:
        kernel.hooks.register(hook := AroundEvents(spend_and_refuse))
        with pytest.raises(OutcomeUnrecorded) as error:
            await pay(kernel)
        assert isinstance(error.value.__cause__, Refused)
        heard = await kernel.get("witness").waited_for(2)
        assert ["charlie", "bob"] == [event.data["to"] for event in heard]
        assert {"alice": 850.0, "bob": 0.0, "charlie": 900.0} == await balances(kernel)


async def test_a_cancelled_caller_leaves_the_transfer_whole(kernel: Kernel) -> None:
    """Whenever a caller is cancelled, every transfer that was made is told to its end, exactly once."""
    async with kernel:
        witness = kernel.get("witness")
        witness.pause = 0.002
        for rounds in range(10):
            paying = asyncio.create_task(pay(kernel, amount=1))
            await asyncio.sleep(rounds * 0.0005)
            paying.cancel()
            await asyncio.gather(paying, return_exceptions=True)
        async with asyncio.timeout(10):
            while kernel.ledger("accounts")["tasks"] > 1:  # noqa: ASYNC110 (what goes on without a caller; one is the relay)
                await asyncio.sleep(0.01)
    made = len(witness.heard)
    assert made == len({event.id for event in witness.heard})
    if "database" in kernel.configuration.tables.get("accounts", {}):
        again = kernel_on(Path(kernel.configuration.get("accounts.database")))
        async with again:
            assert 1000.0 - made == (await balances(again))["alice"]
            assert [] == again.get("witness").heard


@pytest.fixture
def contended(tmp_path: Path) -> Iterator[tuple[Kernel, sqlite3.Connection]]:
    """A kernel whose ledger waits only shortly, and another process's connection to the file."""
    database = tmp_path / "bank.db"
    kernel = Kernel(config={"accounts": {"database": str(database), "busy_timeout": 0.05}})
    kernel.discover([AccountService, Witness])
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        yield kernel, other


async def test_a_told_event_that_cannot_be_forgotten_is_told_again(
    contended: tuple[Kernel, sqlite3.Connection], caplog: pytest.LogCaptureFixture
) -> None:
    """If the file is held just after an event was published, the transfer is done, and the next start repeats it."""
    kernel, other = contended

    async def hold(event: Publication, proceed: Any) -> None:
        await proceed()
        other.execute("BEGIN IMMEDIATE")

    async with kernel:
        kernel.hooks.register(AroundEvents(hold))
        assert {"ok": True, "balances": {"alice": 850.0, "bob": 650.0}} == await pay(kernel)
        (event,) = kernel.get("witness").heard
        assert f"{event.id} was published and may be again" in caplog.text
        other.execute("ROLLBACK")
    again = kernel_on(Path(kernel.configuration.get("accounts.database")))
    async with again:
        (repeat,) = await again.get("witness").waited_for(1)
    assert (event.id, event.data, event.occurred_at) == (repeat.id, repeat.data, repeat.occurred_at)


async def test_a_refused_event_whose_change_cannot_be_undone_is_told_later(
    contended: tuple[Kernel, sqlite3.Connection],
) -> None:
    """If the file is held just when a transfer would be taken back, it stands, and its event follows."""
    kernel, other = contended

    async def hold_and_refuse(event: Publication, proceed: Any) -> None:
        other.execute("BEGIN IMMEDIATE")
        kernel.hooks.unregister(hook)
        raise Refused("not today")

    async with kernel:
        kernel.hooks.register(hook := AroundEvents(hold_and_refuse))
        with pytest.raises(OutcomeUnrecorded, match="will be"):
            await pay(kernel)
        other.execute("ROLLBACK")
        (event,) = await kernel.get("witness").waited_for(1)
        assert TOLD == event.data
        assert 850.0 == (await balances(kernel))["alice"]


async def leave(database: Path, *changes: Change) -> list[Announcement]:
    """What a process leaves that dies between commit and publication."""
    opening = {name: Decimal(str(amount)) for name, amount in START.items()}
    ledger = await SqliteLedger.open(database, Currency(2), opening)
    left = []
    for number, change in enumerate(changes):
        with acting_as(
            f"actor {number}", on_behalf_of="the bank", client={"ip": "::1"}, correlation_id=f"chain {number}"
        ):
            left.append(Announcement.of(change))
        await ledger.commit(change, left[-1])
    await ledger.close()
    return left


async def test_leftovers_are_told_when_everybody_is_there(tmp_path: Path) -> None:
    """What a crash left is published once, in order, to components that activate later, on behalf of who did it."""
    database = tmp_path / "bank.db"
    left = await leave(database, Transfer("alice", "bob", Decimal(10)), Opening("dave", Decimal(1)))
    async with kernel_on(database) as kernel:
        heard = await kernel.get("witness").waited_for(2)
    assert [each.id for each in left] == [event.id for event in heard]
    assert [({"from": "alice", "to": "bob", "amount": 10.0}), {"account": "dave", "balance": 1.0}] == [
        event.data for event in heard
    ]
    assert [("actor 0", "the bank", {"ip": "::1"}, "chain 0"), ("actor 1", "the bank", {"ip": "::1"}, "chain 1")] == [
        (event.actor, event.on_behalf_of, event.client, event.correlation_id) for event in heard
    ]
    assert [each.occurred_at for each in left] == [event.occurred_at for event in heard]
    async with kernel_on(database) as kernel:
        await asyncio.sleep(0.05)
        assert [] == kernel.get("witness").heard


def test_an_announcement_of_before_events_had_a_schema_is_read() -> None:
    """What an earlier release left in the ledger is told without one; what is left now says which it has."""
    announcement = Announcement.of(Opening("dave", Decimal(1)))
    assert "account.opened/v1" == Announcement.from_json(announcement.to_json()).schema
    fields = json.loads(announcement.to_json())
    del fields["schema"]
    assert Announcement.from_json(json.dumps(fields)) == replace(announcement, schema=None)


async def test_refused_leftovers_wait_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leftovers whose publication is denied are tried again until it is allowed, and stay in order."""
    monkeypatch.setattr(outbox, "FIRST_DELAY", 0.01)
    database = tmp_path / "bank.db"
    left = await leave(database, *[Transfer("alice", "bob", Decimal(number)) for number in range(1, 4)])
    kernel = kernel_on(database)
    kernel.set_policy("accounts", {"publish_deny": ["account.transfer"]})
    async with kernel:
        await asyncio.sleep(0.05)
        assert [] == kernel.get("witness").heard
        kernel.set_policy("accounts", {"publish_deny": None})
        assert [each.id for each in left] == [event.id for event in await kernel.get("witness").waited_for(3)]


async def test_a_leftover_without_a_record_is_not_repeated(tmp_path: Path) -> None:
    """A leftover that was delivered but not recorded is done, as any other event is."""

    async def lose(event: Publication, proceed: Any) -> None:
        await proceed()
        raise OutcomeUnrecorded("the disk is full")

    database = tmp_path / "bank.db"
    left = await leave(database, Transfer("alice", "bob", Decimal(1)), Transfer("alice", "bob", Decimal(2)))
    kernel = kernel_on(database)
    kernel.hooks.register(Recording(lose))
    async with kernel:
        assert [each.id for each in left] == [event.id for event in await kernel.get("witness").waited_for(2)]
    async with kernel_on(database) as again:
        await pay(again)
        assert [TOLD] == [event.data for event in again.get("witness").heard]


async def test_leftovers_are_told_by_a_component_that_joins_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kernel that ran already when accounts was added hears of the leftovers too."""
    monkeypatch.setattr(outbox, "PATIENCE", 0.01)
    (left,) = await leave(tmp_path / "bank.db", Transfer("alice", "bob", Decimal(10)))
    kernel = Kernel(config={"accounts": {"database": str(tmp_path / "bank.db")}})
    kernel.discover([Witness])
    async with kernel:
        await kernel.add(AccountService)
        (event,) = await kernel.get("witness").waited_for(1)
    assert left.id == event.id


async def test_an_announcement_survives_the_file() -> None:
    """An announcement is read back as it was written, also with a client that JSON cannot hold and a broken name."""
    with acting_as("eve\ud800", client={"address": Path("x")}):
        written = Announcement.of(Transfer("alice", "bob", Decimal("0.10")))
    read = Announcement.from_json(written.to_json())
    assert (written.id, written.data, written.subject, written.occurred_at, written.actor) == (
        read.id,
        read.data,
        read.subject,
        read.occurred_at,
        read.actor,
    )
    assert {"address": "x"} == read.client
