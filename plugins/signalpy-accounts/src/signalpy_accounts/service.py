"""The component ``accounts``: what other components and the outside may ask of the ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from signalpy import Runtime, component, lifecycle, requires, runnable, subscribe
from signalpy_accounts.book import Change, Closing, Opening, Transfer, balances, usable
from signalpy_accounts.errors import Rejected
from signalpy_accounts.ledger import Ledger, MemoryLedger
from signalpy_accounts.outbox import Outbox
from signalpy_accounts.params import BalanceParams, CloseParams, OpenParams, TransferParams
from signalpy_accounts.settings import AccountSettings
from signalpy_accounts.sqlite_ledger import SqliteLedger


@component("accounts", version="1.0", depends=["config"], settings=AccountSettings, emits=["account.*"])
@requires(config="IConfig")
class AccountService:
    """Accounts of one currency and transfers between them.

    A refusal by the rules is a result, ``{"error": …}``: nothing moved and nothing was published. Everything that was
    made is published as ``account.transfer``, ``account.opened`` or ``account.closed``.
    """

    rt: Runtime
    _ledger: Ledger
    _outbox: Outbox

    @lifecycle.activate
    async def activate(self) -> None:
        """Opens the ledger."""
        settings = self._settings
        if settings.database is None:
            self._ledger = MemoryLedger(settings.currency, settings.initial)
        else:
            path = settings.database.expanduser()
            self._ledger = await SqliteLedger.open(
                path, settings.currency, settings.initial, busy_timeout=settings.busy_timeout
            )
        self._outbox = Outbox(self._ledger, self.rt)
        self._relay = self.rt.create_task(self._outbox.relay(), name="accounts outbox")
        self._settling: set[asyncio.Task[Any]] = set()

    @lifecycle.deactivate
    async def deactivate(self) -> None:
        """Closes the ledger, after the changes whose callers no longer wait."""
        self._relay.cancel()
        try:
            await asyncio.wait([self._relay, *self._settling])
        finally:
            await self._ledger.close()

    @subscribe("kernel.started", description="Publishes what a crash left unpublished: now every subscriber is there")
    def on_started(self, event_type: str, data: Any) -> None:
        """Lets the outbox begin."""
        self._outbox.relay_soon()

    @runnable("transfer", params=TransferParams, description="Move money from one account to another")
    async def transfer(self, params: TransferParams) -> dict[str, Any]:
        """``{"ok": True, "balances": {…}}`` with both accounts, or ``{"error": …}``."""
        return await self._make(
            lambda: Transfer(params.from_account, params.to_account, self._settings.currency.positive(params.amount))
        )

    @runnable("open", params=OpenParams, description="Open an account, or a closed one again")
    async def open(self, params: OpenParams) -> dict[str, Any]:
        """``{"ok": True, "balances": {…}}`` with the account, or ``{"error": …}``."""
        return await self._make(lambda: Opening(params.account, self._settings.currency.amount(params.initial)))

    @runnable("close", params=CloseParams, description="Close an empty account")
    async def close(self, params: CloseParams) -> dict[str, Any]:
        """``{"ok": True, "balances": {}}``, or ``{"error": …}``; an account that holds something stays open."""
        return await self._make(lambda: Closing(params.account))

    @runnable("balance", params=BalanceParams, description="Balances by account")
    async def balance(self, params: BalanceParams) -> dict[str, Any]:
        """The balances of all open accounts, or of one, as JSON numbers by name; or ``{"error": …}``."""
        if params.account is None:
            return dict(balances(await self._ledger.accounts()))
        known = await self._ledger.account(params.account)
        found = {} if known is None else {params.account: known}
        try:
            usable(found, params.account)
        except Rejected as refusal:
            return {"error": str(refusal)}
        return dict(balances(found))

    async def _make(self, change: Callable[[], Change]) -> dict[str, Any]:
        try:
            # A caller that is cancelled leaves the change and its event whole: the task goes on without it.
            task = self.rt.create_task(self._settled(change()), name="accounts settle")
        except Rejected as refusal:
            return {"error": str(refusal)}
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)
        outcome = await asyncio.shield(task)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def _settled(self, change: Change) -> dict[str, Any] | Exception:
        """The result, or the error for whoever still waits for it."""
        try:
            return await self._outbox.settle(change)
        except Rejected as refusal:
            return {"error": str(refusal)}
        except Exception as error:  # noqa: BLE001 - raised where somebody waits; a failed task would be logged besides
            return error

    @property
    def _settings(self) -> AccountSettings:
        settings: AccountSettings = self.rt.settings
        return settings
