"""The durable ledger: restarts, other processes' locks, files that are none, and what is left to publish."""

import asyncio
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from signalpy_accounts.announcement import Announcement
from signalpy_accounts.book import Account, Change, Opening, Transfer
from signalpy_accounts.errors import LedgerBusy, LedgerError
from signalpy_accounts.money import Currency
from signalpy_accounts.sqlite_ledger import SqliteLedger

CENTS = Currency(2)
INITIAL = {"alice": Decimal("10.00"), "bob": Decimal("5.00")}
PAYMENT = Transfer("alice", "bob", Decimal("2.50"))


async def opened(path: Path, *, decimals: int = 2, busy_timeout: float = 5) -> SqliteLedger:
    return await SqliteLedger.open(path, Currency(decimals), INITIAL, busy_timeout=busy_timeout)


async def commit(ledger: SqliteLedger, change: Change) -> Announcement:
    announcement = Announcement.of(change)
    await ledger.commit(change, announcement)
    return announcement


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "bank [1].db"


async def test_balances_survive_a_restart(database: Path) -> None:
    """A ledger that is opened again goes on where it ended, whatever it would begin with."""
    ledger = await opened(database)
    await commit(ledger, PAYMENT)
    await ledger.close()
    again = await SqliteLedger.open(database, CENTS, {"eve": Decimal("1000000.00")})
    assert {"alice": Account(Decimal("7.50")), "bob": Account(Decimal("7.50"))} == await again.accounts()
    await again.close()


async def test_the_file_is_for_its_owner_only(database: Path) -> None:
    """Database, journal and lock are readable by nobody else."""
    ledger = await opened(database)
    await commit(ledger, PAYMENT)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in database.parent.iterdir()}
    assert {0o600} == modes
    await ledger.close()


async def test_a_closed_ledger_leaves_only_its_file(database: Path) -> None:
    """Nothing lies about beside the database once nobody has it open."""
    ledger = await opened(database)
    await ledger.close()
    assert [database] == list(database.parent.iterdir())


async def test_leftovers_are_adopted_once_and_in_order(database: Path) -> None:
    """What a closed ledger did not publish goes to exactly one of those that open the file later, oldest first."""
    first = await opened(database)
    left = [
        await commit(first, PAYMENT),
        await commit(first, Opening("dave", Decimal(1))),
        await commit(first, PAYMENT),
    ]
    second = await opened(database)
    assert [] == await second.adopt()
    await first.close()
    third = await opened(database)
    assert left == await second.adopt()
    assert [] == await third.adopt()
    await second.published(left[0])
    await second.close()
    assert left[1:] == await third.adopt()
    await third.close()


async def test_concurrent_ledgers_share_leftovers_without_doubles(database: Path) -> None:
    """Of several ledgers that adopt at the same moment each leftover goes to one."""
    first = await opened(database)
    left = {(await commit(first, Opening(f"a{number}", Decimal(1)))).id for number in range(10)}
    await first.close()
    others = [await opened(database) for _ in range(4)]
    adopted = await asyncio.gather(*(other.adopt() for other in others))
    found = [announcement.id for each in adopted for announcement in each]
    assert sorted(left) == sorted(found)
    for other in others:
        await other.close()


async def test_leftovers_of_a_copied_file_are_adopted(database: Path, tmp_path: Path) -> None:
    """A copy that came without the lock files, such as a restored backup, publishes what was due."""
    ledger = await opened(database)
    left = [await commit(ledger, PAYMENT)]
    restored = tmp_path / "restored"
    restored.mkdir()
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(restored / "bank.db")) as target:
        source.backup(target)
    copy = await opened(restored / "bank.db")
    assert left == await copy.adopt()
    await copy.close()
    await ledger.close()


async def test_a_lock_that_is_held_too_long_is_an_error_that_may_be_retried(database: Path) -> None:
    """While another process holds the file a change waits, then fails with nothing moved; afterwards it works."""
    ledger = await opened(database, busy_timeout=0.05)
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerBusy) as error:
            await commit(ledger, PAYMENT)
        assert error.value.retry
        assert Account(Decimal("10.00")) == await ledger.account("alice")
        other.execute("ROLLBACK")
    await commit(ledger, PAYMENT)
    assert Account(Decimal("7.50")) == await ledger.account("alice")
    await ledger.close()


async def test_a_wait_for_the_disk_leaves_the_loop_free(database: Path) -> None:
    """While a change waits for the file's lock the event loop goes on."""
    ledger = await opened(database)
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        waiting = asyncio.create_task(commit(ledger, PAYMENT))
        for _ in range(100):
            await asyncio.sleep(0)
        assert not waiting.done()
        other.execute("COMMIT")
    await waiting
    await ledger.close()


async def test_a_cancelled_change_is_whole_or_absent(database: Path) -> None:
    """Cancelling whoever waits for a commit never separates the money from its announcement."""
    ledger = await opened(database)
    for rounds in range(8):
        waiting = asyncio.create_task(commit(ledger, Transfer("alice", "bob", Decimal("0.10"))))
        for _ in range(rounds):
            await asyncio.sleep(0.0002)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    account = await ledger.account("bob")
    assert account is not None
    await ledger.close()
    again = await opened(database)
    assert account.balance == Decimal("5.00") + Decimal("0.10") * len(await again.adopt())
    await again.close()


@pytest.fixture(params=["text", "database"])
def foreign(request: pytest.FixtureRequest, database: Path) -> tuple[Path, bytes]:
    if request.param == "text":
        database.write_text("no database at all, but long enough to look like one" * 40)
    else:
        with closing(sqlite3.connect(database)) as other:
            other.execute("CREATE TABLE account (name TEXT)")
    return database, database.read_bytes()


async def test_a_file_of_something_else_is_refused_untouched(foreign: tuple[Path, bytes]) -> None:
    """Neither a text nor a foreign database is taken for a ledger, and both stay as they were."""
    path, before = foreign
    with pytest.raises(LedgerError, match=r"file is not a database|a database of something else"):
        await opened(path)
    assert before == await asyncio.to_thread(path.read_bytes)


async def test_a_ledger_of_other_decimals_or_of_the_future_is_refused(database: Path) -> None:
    """A configuration that would read every balance wrongly is refused with the fix."""
    await (await opened(database)).close()
    with pytest.raises(LedgerError, match=r"set accounts\.decimals = 2"):
        await opened(database, decimals=3)
    with closing(sqlite3.connect(database)) as other:
        other.execute("PRAGMA user_version = 99")
    with pytest.raises(LedgerError, match="a ledger of format 99"):
        await opened(database)


async def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """A path whose folder does not exist is refused with the path."""
    with pytest.raises(LedgerError, match="nowhere"):
        await opened(tmp_path / "nowhere" / "bank.db")


async def test_a_name_that_leaves_no_room_for_a_lock_is_refused(tmp_path: Path) -> None:
    """A file beside which no lock can be made is refused, and can be opened elsewhere afterwards."""
    with pytest.raises(LedgerError, match="no lock can be made beside it"):
        await opened(tmp_path / f"{'x' * 230}.db")
    (tmp_path / f"{'x' * 230}.db").rename(tmp_path / "bank.db")
    await (await opened(tmp_path / "bank.db")).close()


async def test_opening_waits_for_those_who_use_the_file_in_another_form(database: Path) -> None:
    """A reader that keeps the file from becoming a write-ahead log is waited for, and not for ever."""
    await (await opened(database)).close()
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = DELETE")
        other.execute("BEGIN")
        other.execute("SELECT * FROM account").fetchall()
        with pytest.raises(LedgerBusy):
            await opened(database, busy_timeout=0.05)
        opening = asyncio.create_task(opened(database))
        await asyncio.sleep(0.05)
        assert not opening.done()
        other.execute("COMMIT")
        await (await opening).close()


async def test_the_file_itself_refuses_a_negative_balance(database: Path) -> None:
    """Also who writes past this package cannot make a balance negative."""
    await (await opened(database)).close()
    with closing(sqlite3.connect(database)) as other, pytest.raises(sqlite3.IntegrityError):
        other.execute("UPDATE account SET balance = -1")


PAYER = """
import asyncio, sys
from decimal import Decimal
from pathlib import Path
from signalpy_accounts.announcement import Announcement
from signalpy_accounts.book import Transfer
from signalpy_accounts.money import Currency
from signalpy_accounts.sqlite_ledger import SqliteLedger

async def pay():
    sys.stdin.readline()
    ledger = await SqliteLedger.open(Path(sys.argv[1]), Currency(2), {"alice": Decimal(10), "bob": Decimal(5)})
    for _ in range(5):
        change = Transfer("alice", "bob", Decimal("0.10"))
        await ledger.commit(change, Announcement.of(change))
    await ledger.close()

asyncio.run(pay())
"""


def test_processes_that_make_the_same_file_agree(database: Path) -> None:
    """Six processes that open a file which is not there yet get one ledger, seeded once, and none loses a transfer."""
    command = [sys.executable, "-c", PAYER, str(database)]
    children = [subprocess.Popen(command, stdin=subprocess.PIPE) for _ in range(6)]
    for child in children:
        assert child.stdin is not None
        child.stdin.write(b"go\n")
        child.stdin.close()
    assert [0] * 6 == [child.wait() for child in children]
    with closing(sqlite3.connect(database)) as ledger:
        found = ledger.execute("SELECT name, balance FROM account ORDER BY name").fetchall()
    assert [("alice", 700), ("bob", 800)] == found
