"""Errors of accounts: what the rules refuse, and what the ledger's file cannot do."""

from __future__ import annotations

from signalpy.errors import SignalPyError


class Rejected(SignalPyError, ValueError):
    """A change that the rules refuse: nothing moved. Its message becomes the result ``{"error": message}``."""


class LedgerError(SignalPyError, OSError):
    """The ledger's file cannot be read or written; nothing moved. ``database`` names the file."""


class LedgerBusy(LedgerError):
    """Other processes held the ledger's file for too long; nothing moved. ``database`` names the file."""

    retry = True
