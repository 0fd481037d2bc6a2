"""The rules: what each change does to the accounts, what is refused, and the way back."""

from decimal import Decimal

import pytest

from signalpy_accounts.book import Account, Accounts, Change, Closing, Opening, Transfer, balances, check_name, shown
from signalpy_accounts.errors import Rejected
from signalpy_accounts.money import Currency

CENTS = Currency(2)
BOOK: Accounts = {
    "alice": Account(Decimal("1000.00")),
    "bob": Account(Decimal("0.00")),
    "rich": Account(CENTS.limit),
    "gone": Account(Decimal("0.00"), open=False),
}


@pytest.mark.parametrize(
    ("change", "after"),
    [
        (Transfer("alice", "bob", Decimal("150.00")), {"alice": "850.00", "bob": "150.00"}),
        (Transfer("alice", "bob", Decimal("1000.00")), {"alice": "0.00", "bob": "1000.00"}),
        (Opening("dave", Decimal("5.00")), {"dave": "5.00"}),
        (Opening("gone", Decimal("1.00")), {"gone": "1.00"}),
        (Closing("bob"), {}),
    ],
)
def test_a_change_tells_what_becomes_of_the_accounts(change: Change, after: dict[str, str]) -> None:
    """A change returns the accounts concerned as they become, and leaves the given ones alone."""
    before = dict(BOOK)
    found = {name: account.balance for name, account in change.apply(BOOK, CENTS).items() if account.open}
    assert {name: Decimal(text) for name, text in after.items()} == found
    assert before == BOOK


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (Transfer("alice", "bob", Decimal("1000.01")), "Insufficient funds"),
        (Transfer("alice", "nobody", Decimal(1)), "Unknown account 'nobody'"),
        (Transfer("nobody", "alice", Decimal(1)), "Unknown account 'nobody'"),
        (Transfer("alice", "gone", Decimal(1)), "Account 'gone' is closed"),
        (Transfer("gone", "alice", Decimal(1)), "Account 'gone' is closed"),
        (Transfer("alice", "alice", Decimal(1)), "Cannot transfer from 'alice' to itself: name two accounts"),
        (Transfer("alice", "rich", Decimal(1)), f"Account 'rich' cannot hold that much: at most {CENTS.limit}"),
        (Opening("alice", Decimal(0)), "Account 'alice' is open already"),
        (Opening("dave", Decimal("-0.01")), "Initial balance must be 0 or more, found -0.01"),
        (Closing("alice"), "Account 'alice' is not empty: transfer its 1000.00 first"),
        (Closing("gone"), "Account 'gone' is closed"),
        (Closing("nobody"), "Unknown account 'nobody'"),
    ],
)
def test_a_change_that_breaks_a_rule_is_rejected(change: Change, told: str) -> None:
    """Each refusal says what is wrong, in the words that the caller gets."""
    with pytest.raises(Rejected) as refusal:
        change.apply(BOOK, CENTS)
    assert told == str(refusal.value)


@pytest.mark.parametrize(
    "change",
    [Transfer("alice", "bob", Decimal(1)), Opening("gone", Decimal(2)), Closing("bob")],
)
def test_a_change_can_be_undone_at_once(change: Change) -> None:
    """Undoing a change that nothing followed leads back to where it began."""
    after = {**BOOK, **change.apply(BOOK, CENTS)}
    assert BOOK == {**after, **change.undo(after, CENTS)}


def test_the_opening_of_a_new_account_is_undone_by_closing_it() -> None:
    """An account that was opened and taken back holds nothing and cannot be used."""
    change = Opening("dave", Decimal(2))
    after = change.apply(BOOK, CENTS)
    assert {"dave": Account(Decimal(0), open=False)} == change.undo(after, CENTS)


@pytest.mark.parametrize(
    ("change", "since"),
    [
        (Transfer("alice", "bob", Decimal(1)), {"bob": Account(Decimal("0.50"))}),
        (Transfer("alice", "bob", Decimal(1)), {"alice": Account(Decimal(0), open=False)}),
        (Opening("dave", Decimal(2)), {"dave": Account(Decimal(1))}),
        (Closing("bob"), {"bob": Account(Decimal(0))}),
    ],
)
def test_what_happened_since_can_stand_in_the_way(change: Change, since: Accounts) -> None:
    """A change whose accounts were used meanwhile cannot be undone."""
    with pytest.raises(Rejected):
        change.undo({**BOOK, **change.apply(BOOK, CENTS), **since}, CENTS)


@pytest.mark.parametrize("name", ["a", "Zoë", "savings 2", "x" * 128, "Ω-1"])
def test_an_account_may_be_named_as_people_write(name: str) -> None:
    """Printable names of any script are accepted."""
    check_name(name)


@pytest.mark.parametrize("name", ["", " a", "a ", "a\nb", "\x00", "\ud800", "x" * 129, "error", "a\u202eb"])
def test_a_name_that_could_deceive_is_rejected(name: str) -> None:
    """Empty, padded, unprintable, over-long names and the key of a failure are refused, on one short line."""
    with pytest.raises(Rejected) as refusal:
        check_name(name)
    assert str(refusal.value).isprintable()


def test_a_hostile_name_is_shown_on_one_bounded_line() -> None:
    """What a message shows of a name has no line breaks and an end."""
    found = shown("x\n" * 1000)
    assert found.isprintable()
    assert len(found) < 400


def test_the_payload_of_a_transfer_is_json() -> None:
    """The event of a transfer carries its two names and the amount as a float."""
    data = Transfer("alice", "bob", Decimal("150.00")).data
    assert "{'from': 'alice', 'to': 'bob', 'amount': 150.0}" == repr(data)


def test_closed_accounts_have_no_balance_to_show() -> None:
    """Balances are of open accounts only, as floats."""
    assert {"alice": 1000.0, "bob": 0.0, "rich": float(CENTS.limit)} == balances(BOOK)
