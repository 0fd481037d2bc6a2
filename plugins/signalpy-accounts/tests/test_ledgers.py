"""The contract of ledgers, kept by the one in memory and the one in SQLite, and both against a plain model."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from signalpy_accounts.announcement import Announcement
from signalpy_accounts.book import Account, Change, Closing, Opening, Transfer
from signalpy_accounts.errors import Rejected
from signalpy_accounts.ledger import Ledger, MemoryLedger
from signalpy_accounts.money import Currency
from signalpy_accounts.sqlite_ledger import SqliteLedger

CENTS = Currency(2)
INITIAL = {"alice": Decimal("10.00"), "bob": Decimal("5.00")}


@pytest.fixture(params=["memory", "sqlite"])
async def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Ledger]:
    if request.param == "memory":
        opened: Ledger = MemoryLedger(CENTS, INITIAL)
    else:
        opened = await SqliteLedger.open(tmp_path / "bank.db", CENTS, INITIAL)
    yield opened
    await opened.close()


async def commit(ledger: Ledger, change: Change) -> Announcement:
    announcement = Announcement.of(change)
    await ledger.commit(change, announcement)
    return announcement


async def test_a_commit_moves_money_and_returns_both_accounts(ledger: Ledger) -> None:
    """A committed transfer is what every later reading sees."""
    change = Transfer("alice", "bob", Decimal("2.50"))
    after = {"alice": Account(Decimal("7.50")), "bob": Account(Decimal("7.50"))}
    assert after == await ledger.commit(change, Announcement.of(change))
    assert after == await ledger.accounts()
    assert after["bob"] == await ledger.account("bob")


async def test_a_rejected_change_leaves_nothing(ledger: Ledger) -> None:
    """A change that breaks a rule moves nothing and leaves nothing to publish or to revert."""
    change = Transfer("alice", "bob", Decimal("10.01"))
    announcement = Announcement.of(change)
    with pytest.raises(Rejected, match="Insufficient funds"):
        await ledger.commit(change, announcement)
    assert {name: Account(balance) for name, balance in INITIAL.items()} == await ledger.accounts()
    assert await ledger.revert(change, announcement) is False


@pytest.mark.parametrize("name", ["nobody", "\ud800", "", "a\x00b"])
async def test_a_name_that_nobody_has_is_unknown(ledger: Ledger, name: str) -> None:
    """Also a name that no account can have is simply not there."""
    assert await ledger.account(name) is None
    with pytest.raises(Rejected, match="Unknown account"):
        await commit(ledger, Transfer("alice", name, Decimal(1)))


async def test_a_change_is_reverted_while_nobody_heard_of_it(ledger: Ledger) -> None:
    """Reverting gives the money back, once, and not after the event was published."""
    change = Transfer("alice", "bob", Decimal(1))
    announcement = await commit(ledger, change)
    assert await ledger.revert(change, announcement) is True
    assert await ledger.revert(change, announcement) is False
    assert Account(Decimal("10.00")) == await ledger.account("alice")
    announcement = await commit(ledger, change)
    await ledger.published(announcement)
    assert await ledger.revert(change, announcement) is False
    assert Account(Decimal("9.00")) == await ledger.account("alice")


async def test_a_change_that_others_built_on_stands(ledger: Ledger) -> None:
    """A transfer whose money went on cannot be reverted, and stays due to be published."""
    change = Transfer("alice", "bob", Decimal(10))
    announcement = await commit(ledger, change)
    await commit(ledger, Transfer("bob", "alice", Decimal(15)))
    assert await ledger.revert(change, announcement) is False
    assert Account(Decimal("15.00")) == await ledger.account("alice")


async def test_concurrent_transfers_never_overdraw(ledger: Ledger) -> None:
    """Of twenty transfers at once that would each take a quarter of the balance, four succeed."""
    changes = [Transfer("alice", "bob", Decimal("2.50")) for _ in range(20)]
    done = await asyncio.gather(*(commit(ledger, change) for change in changes), return_exceptions=True)
    assert 4 == sum(isinstance(each, Announcement) for each in done)
    assert 16 == sum(isinstance(each, Rejected) for each in done)
    assert Account(Decimal("0.00")) == await ledger.account("alice")


async def test_an_open_ledger_adopts_nothing_of_its_own(ledger: Ledger) -> None:
    """What this ledger has still to publish is not taken for the leftovers of another."""
    await commit(ledger, Transfer("alice", "bob", Decimal(1)))
    assert [] == await ledger.adopt()


NAMES = st.sampled_from(["alice", "bob", "carol", "dave"])
AMOUNTS = st.integers(1, 1500).map(CENTS.from_units)
CHANGES = st.one_of(
    st.builds(Transfer, NAMES, NAMES, AMOUNTS),
    st.builds(Opening, NAMES, st.one_of(st.just(CENTS.zero), AMOUNTS)),
    st.builds(Closing, NAMES),
)
STEPS = st.lists(st.tuples(CHANGES, st.sampled_from(["publish", "revert", "leave"])), max_size=30)


async def trace(ledger: Ledger, steps: list[tuple[Change, str]]) -> list[object]:
    """What each step answered and what the book was after it; checks what holds of any ledger."""
    seen: list[object] = []
    total = sum(INITIAL.values())
    for change, then in steps:
        announcement = Announcement.of(change)
        put_in = change.initial if isinstance(change, Opening) else Decimal(0)
        try:
            await ledger.commit(change, announcement)
        except Rejected as refusal:
            seen.append(str(refusal))
            continue
        total += put_in
        if then == "publish":
            await ledger.published(announcement)
        elif then == "revert":
            reverted = await ledger.revert(change, announcement)
            assert reverted
            total -= put_in
        accounts = await ledger.accounts()
        assert total == sum(account.balance for account in accounts.values())
        assert all(account.balance >= 0 for account in accounts.values())
        assert all(not account.balance for account in accounts.values() if not account.open)
        seen.append(accounts)
    return seen


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
def test_any_history_conserves_money_and_both_ledgers_agree(steps: list[tuple[Change, str]]) -> None:
    """Whatever happens, money is conserved, no balance is negative, and a file answers and keeps what memory does."""

    async def compare(folder: Path) -> None:
        memory = MemoryLedger(CENTS, INITIAL)
        file = await SqliteLedger.open(folder / "bank.db", CENTS, INITIAL)
        expected = await trace(memory, steps)
        assert expected == await trace(file, steps)
        await file.close()
        again = await SqliteLedger.open(folder / "bank.db", CENTS, {"other": Decimal(1)})
        assert await memory.accounts() == await again.accounts()
        await again.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(compare(Path(folder)))
