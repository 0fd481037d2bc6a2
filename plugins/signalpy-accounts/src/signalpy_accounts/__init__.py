"""Accounts and exact transfers as a SignalPy component, in memory or in a SQLite ledger."""

from signalpy_accounts.errors import LedgerBusy, LedgerError
from signalpy_accounts.events import Closed, Opened, Transferred
from signalpy_accounts.params import BalanceParams, CloseParams, OpenParams, TransferParams
from signalpy_accounts.service import AccountService
from signalpy_accounts.settings import AccountSettings

__all__ = [
    "AccountService",
    "AccountSettings",
    "BalanceParams",
    "CloseParams",
    "Closed",
    "LedgerBusy",
    "LedgerError",
    "OpenParams",
    "Opened",
    "TransferParams",
    "Transferred",
]
