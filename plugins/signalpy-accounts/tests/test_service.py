"""The component on a running kernel: results, events, refusals and configuration."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from signalpy import InvalidParams, Kernel, LifecycleError, Publication, State, component, subscribe
from signalpy_accounts import AccountService, Closed, Opened, Transferred

START = {"alice": 1000.0, "bob": 500.0, "charlie": 250.0}


@component("witness", version="1.0")
class Witness:
    """Hears everything that accounts publishes."""

    def __init__(self) -> None:
        self.heard: list[Publication] = []

    @subscribe("account.*")
    def on_event(self, event_type: str, data: Any, event: Publication) -> None:
        self.heard.append(event)


def kernel_with(**accounts: Any) -> Kernel:
    kernel = Kernel(config={"accounts": accounts})
    kernel.discover([AccountService, Witness])
    return kernel


@pytest.fixture(params=["memory", "sqlite"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    return {} if request.param == "memory" else {"database": str(tmp_path / "bank.db")}


async def transfer(kernel: Kernel, source: Any, target: Any, amount: Any, actor: str | None = None) -> Any:
    params = {"from_account": source, "to_account": target, "amount": amount}
    return await kernel.bus.invoke("accounts.transfer", params, actor=actor)


async def test_it_opens_with_three_accounts(settings: dict[str, Any]) -> None:
    """Unless configured, alice has 1000, bob 500 and charlie 250, as JSON numbers."""
    async with kernel_with(**settings) as kernel:
        assert json.dumps(START) == json.dumps(await kernel.bus.invoke("accounts.balance", {}))
        assert {"bob": 500.0} == await kernel.bus.invoke("accounts.balance", {"account": "bob"})


async def test_a_transfer_moves_money_and_tells_it(settings: dict[str, Any]) -> None:
    """A transfer returns both balances and publishes who gave whom how much, with subjects, actor, time and id."""
    async with kernel_with(**settings) as kernel:
        before = datetime.now(UTC)
        result = await transfer(kernel, "alice", "bob", 150, actor="alice@bank")
        assert {"ok": True, "balances": {"alice": 850.0, "bob": 650.0}} == result
        (event,) = kernel.get("witness").heard
        assert "{'from': 'alice', 'to': 'bob', 'amount': 150.0}" == repr(event.data)
        assert ("account.transfer", ("alice", "bob")) == (event.event_type, event.subject)
        assert ("alice@bank", "accounts") == (event.actor, event.caller)
        assert before <= event.occurred_at <= before + timedelta(minutes=1)
        assert event.id
        assert event.causation_id == event.correlation_id
        assert {**START, "alice": 850.0, "bob": 650.0} == await kernel.bus.invoke("accounts.balance", {})


@pytest.mark.parametrize("amount", [0.1, "0.10", Decimal("0.1"), "1e-1"])
async def test_an_amount_may_be_written_in_any_way(settings: dict[str, Any], amount: Any) -> None:
    """Float, text and Decimal mean the same amount: a tenth taken ten times leaves exactly one less."""
    async with kernel_with(**settings) as kernel:
        for _ in range(10):
            await transfer(kernel, "alice", "bob", amount)
        assert {**START, "alice": 999.0, "bob": 501.0} == await kernel.bus.invoke("accounts.balance", {})


@pytest.mark.parametrize(
    ("source", "target", "amount", "told"),
    [
        ("alice", "bob", 1000.01, "Insufficient funds"),
        ("alice", "bob", -5, "Amount must be more than 0, found -5.00"),
        ("alice", "bob", 0, "Amount must be more than 0, found 0.00"),
        ("alice", "bob", float("nan"), "Amount must be a finite number, found NaN"),
        ("alice", "bob", float("inf"), "Amount must be a finite number, found Infinity"),
        ("alice", "bob", "-inf", "Amount must be a finite number, found -Infinity"),
        ("alice", "bob", 0.001, "Amount may have 2 decimals, found 0.001"),
        ("alice", "bob", 1e30, "Amount is too large: at most 9999999999999.99"),
        ("alice", "bob", "a lot", 'Amount must be a number, e.g. 150 or "150.00", found a text that is none'),
        ("alice", "nobody", 1, "Unknown account 'nobody'"),
        ("nobody", "alice", 1, "Unknown account 'nobody'"),
        ("gone", "alice", 1, "Account 'gone' is closed"),
        ("alice", "gone", 1, "Account 'gone' is closed"),
        ("alice", "alice", 1, "Cannot transfer from 'alice' to itself: name two accounts"),
        ("alice", "\ud800", 1, r"Unknown account '\ud800'"),
    ],
)
async def test_a_refused_transfer_is_a_result(
    settings: dict[str, Any], source: str, target: str, amount: Any, told: str
) -> None:
    """What the rules refuse is answered with the reason; nothing moves and nothing is published."""
    async with kernel_with(**settings) as kernel:
        await kernel.bus.invoke("accounts.open", {"account": "gone"})
        await kernel.bus.invoke("accounts.close", {"account": "gone"})
        kernel.get("witness").heard.clear()
        assert {"error": told} == await transfer(kernel, source, target, amount)
        assert START == await kernel.bus.invoke("accounts.balance", {})
        assert [] == kernel.get("witness").heard


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"from_account": "alice", "to_account": "bob"},
        {"from_account": "alice", "to_account": "bob", "amount": True},
        {"from_account": "alice", "to_account": "bob", "amount": None},
        {"from_account": "alice", "to_account": "bob", "amount": [1]},
        {"from_account": 1, "to_account": "bob", "amount": 1},
        {"from_account": "alice", "to_account": "bob", "amount": 1, "currency": "EUR"},
    ],
)
async def test_what_is_no_transfer_is_invalid(params: dict[str, Any]) -> None:
    """A field that is missing, unknown or of another type is an error of the caller; a bool is no amount."""
    async with kernel_with() as kernel:
        with pytest.raises(InvalidParams):
            await kernel.bus.invoke("accounts.transfer", params)
        assert [] == kernel.get("witness").heard


async def test_accounts_open_and_close(settings: dict[str, Any]) -> None:
    """An account opens with what is put in, closes when it is empty, and opens again; each is told."""
    async with kernel_with(**settings) as kernel:
        invoke = kernel.bus.invoke
        assert {"ok": True, "balances": {"dave": 20.5}} == await invoke(
            "accounts.open", {"account": "dave", "initial": 20.5}
        )
        assert {"error": "Account 'dave' is open already"} == await invoke("accounts.open", {"account": "dave"})
        refused = {"error": "Account 'dave' is not empty: transfer its 20.50 first"}
        assert refused == await invoke("accounts.close", {"account": "dave"})
        await transfer(kernel, "dave", "bob", "20.50")
        assert {"ok": True, "balances": {}} == await invoke("accounts.close", {"account": "dave"})
        assert {"error": "Account 'dave' is closed"} == await invoke("accounts.balance", {"account": "dave"})
        assert {"error": "Account 'dave' is closed"} == await invoke("accounts.close", {"account": "dave"})
        assert {"ok": True, "balances": {"dave": 0.0}} == await invoke("accounts.open", {"account": "dave"})
        told = [(event.event_type, event.data, event.subject) for event in kernel.get("witness").heard]
        assert [
            ("account.opened", {"account": "dave", "balance": 20.5}, ("dave",)),
            ("account.transfer", {"from": "dave", "to": "bob", "amount": 20.5}, ("dave", "bob")),
            ("account.closed", {"account": "dave"}, ("dave",)),
            ("account.opened", {"account": "dave", "balance": 0.0}, ("dave",)),
        ] == told


async def test_events_are_typed() -> None:
    """Each carries its schema and comes as an instance to whoever subscribes to the class."""
    got: list[Any] = []

    @component("reader")
    class Reader:
        @subscribe(Transferred)
        def on_transfer(self, event_type: str, data: Transferred) -> None:
            got.append(data)

    kernel = kernel_with()
    kernel.discover([Reader])
    async with kernel:
        await kernel.bus.invoke("accounts.open", {"account": "dave"})
        await transfer(kernel, "alice", "dave", 1)
        await transfer(kernel, "dave", "alice", 1)
        await kernel.bus.invoke("accounts.close", {"account": "dave"})
        heard = kernel.get("witness").heard
        classes = (Opened, Transferred, Transferred, Closed)
        assert [each.schema_id() for each in classes] == [event.schema for event in heard]
        assert [Transferred(sender="alice", receiver="dave", amount=1), Transferred.of(heard[2].data)] == got


@pytest.mark.parametrize(
    "params",
    [
        {"account": "error"},
        {"account": ""},
        {"account": "a\nb"},
        {"account": "dave", "initial": -1},
        {"account": "dave", "initial": 0.001},
        {"account": "dave", "initial": float("nan")},
    ],
)
async def test_a_refused_opening_is_a_result(settings: dict[str, Any], params: dict[str, Any]) -> None:
    """A name or an initial balance that makes no sense is answered with the reason, and nothing opens."""
    async with kernel_with(**settings) as kernel:
        assert ["error"] == list(await kernel.bus.invoke("accounts.open", params))
        assert START == await kernel.bus.invoke("accounts.balance", {})


async def test_an_unknown_balance_is_a_result() -> None:
    """Asking for an account that was never opened says so."""
    async with kernel_with() as kernel:
        assert {"error": "Unknown account 'eve'"} == await kernel.bus.invoke("accounts.balance", {"account": "eve"})


async def test_transfers_at_once_never_overdraw(settings: dict[str, Any]) -> None:
    """Of fifty transfers at once that would each take a tenth of the balance, ten succeed, and ten are told."""
    async with kernel_with(**settings) as kernel:
        results = await asyncio.gather(*[transfer(kernel, "alice", "bob", 100) for _ in range(50)])
        assert 10 == sum("ok" in result for result in results)
        assert 40 == results.count({"error": "Insufficient funds"})
        assert {"alice": 0.0, "bob": 1500.0, "charlie": 250.0} == await kernel.bus.invoke("accounts.balance", {})
        assert 10 == len(kernel.get("witness").heard)


async def test_balances_survive_a_restart(tmp_path: Path) -> None:
    """With a database a new kernel goes on where the old one ended, and tells nothing twice."""
    settings = {"database": str(tmp_path / "bank.db")}
    async with kernel_with(**settings) as kernel:
        await transfer(kernel, "alice", "bob", 150)
    async with kernel_with(**settings, balances={"eve": 1}) as kernel:
        assert {**START, "alice": 850.0, "bob": 650.0} == await kernel.bus.invoke("accounts.balance", {})
        assert [] == kernel.get("witness").heard


async def test_a_replaced_component_goes_on_with_the_ledger(tmp_path: Path) -> None:
    """Replacing the component under load loses no transfer and no event."""
    async with kernel_with(database=str(tmp_path / "bank.db")) as kernel:
        transfers = [asyncio.create_task(transfer(kernel, "alice", "bob", 1)) for _ in range(20)]
        await asyncio.sleep(0.005)
        await kernel.replace(AccountService)
        transfers += [asyncio.create_task(transfer(kernel, "alice", "bob", 1)) for _ in range(20)]
        assert all("ok" in result for result in await asyncio.gather(*transfers))
        assert {"alice": 960.0} == await kernel.bus.invoke("accounts.balance", {"account": "alice"})
        assert 40 == len({event.id for event in kernel.get("witness").heard}) == len(kernel.get("witness").heard)


async def test_configured_balances_and_decimals() -> None:
    """The configuration says with which accounts it opens and how many decimals an amount has."""
    async with kernel_with(balances={"a": "10", "b": 0}, decimals=0) as kernel:
        assert {"error": "Amount may have 0 decimals, found 0.5"} == await transfer(kernel, "a", "b", 0.5)
        assert {"ok": True, "balances": {"a": 7.0, "b": 3.0}} == await transfer(kernel, "a", "b", 3)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"balances": {"alice": -1}}, "balances.alice: Initial balance must be 0 or more"),
        ({"balances": {"alice": 0.001}}, "balances.alice: Amount may have 2 decimals"),
        ({"balances": {"error": 1}}, "balances.error: An account cannot be named 'error'"),
        ({"balances": {"alice": True}}, "balances.alice"),
        ({"decimals": 9}, "decimals"),
        ({"database": ":memory:"}, "leave it out for a ledger in memory"),
        ({"database": "no/such/folder/bank.db"}, "bank.db cannot be opened"),
        ({"databse": "x"}, "database"),
    ],
)
async def test_a_wrong_configuration_is_told(settings: dict[str, Any], told: str) -> None:
    """The component fails with the key and what is expected there; the others run."""
    async with kernel_with(**settings) as kernel:
        assert told in kernel.why("accounts")
        states = {plugin.name: plugin.state for plugin in kernel.plugins()}
        assert {"accounts": State.FAILED, "witness": State.ACTIVE, "config": State.ACTIVE} == states


async def test_it_stops_cleanly_without_having_started(tmp_path: Path) -> None:
    """A kernel that was shut down refuses further transfers, and the database is free."""
    kernel = kernel_with(database=str(tmp_path / "bank.db"))
    async with kernel:
        pass
    with pytest.raises(LifecycleError):
        await transfer(kernel, "alice", "bob", 1)
