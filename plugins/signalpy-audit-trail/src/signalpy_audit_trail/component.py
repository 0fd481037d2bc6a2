"""The component ``audit-trail``: joins what is captured to the log that keeps it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from pathlib import Path
from typing import Any, Final

from signalpy import Call, PluginInfo, Publication, Runtime, component, hookimpl, lifecycle, requires, runnable
from signalpy.errors import LifecycleError
from signalpy.hookspecs import Proceed
from signalpy.operation import current
from signalpy_audit_trail import erasure, guard, search
from signalpy_audit_trail.capture import Capture
from signalpy_audit_trail.draft import Draft, Receipt
from signalpy_audit_trail.drafting import Drafting
from signalpy_audit_trail.export import format_named
from signalpy_audit_trail.export.paging import export_page
from signalpy_audit_trail.handover import acknowledged, hand, leave
from signalpy_audit_trail.keeper import Housing, Keeper, open_keeper
from signalpy_audit_trail.modes import Mode, Standard
from signalpy_audit_trail.notices import Notices
from signalpy_audit_trail.origin import Origins
from signalpy_audit_trail.outcome import Ending
from signalpy_audit_trail.params import EraseParams, ExportParams, QueryParams
from signalpy_audit_trail.privacy.known import hopeless
from signalpy_audit_trail.privacy.rules import Rules
from signalpy_audit_trail.record import SUCCESS
from signalpy_audit_trail.relaxed import Relaxed
from signalpy_audit_trail.safe import Safe, open_safe
from signalpy_audit_trail.schemas import of_calls, of_events
from signalpy_audit_trail.scribe import Scribe
from signalpy_audit_trail.settings import NAME, Settings
from signalpy_audit_trail.store import Store
from signalpy_audit_trail.stores import permitted
from signalpy_audit_trail.strict import Strict
from signalpy_audit_trail.summary import summarized
from signalpy_audit_trail.taken import Captured, TakenAccess

DEFAULT_STORE: Final = f"file:{NAME}"
MODES: Final[Mapping[str, type[Mode]]] = {"strict": Strict, "standard": Standard, "relaxed": Relaxed}


def _nothing(_: str) -> bool:
    return False


@component(NAME, version="0.1.0", settings=Settings, exclusive=True)
@requires(configuration="signalpy.Configuration")
class AuditTrail:
    """Records every event, and by policy every call, as an immutable record of who did what and when."""

    rt: Runtime

    def __init__(self) -> None:
        self._keeper: Keeper | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._mode: Mode
        self._capture: Capture
        self._notices: Notices
        self._origins: Origins
        self._scribe: Scribe
        self._safe: Safe

    def __repr__(self) -> str:
        return f"<AuditTrail({'closed' if self._keeper is None else self._keeper.status()['store']})>"

    @lifecycle.activate
    async def activate(self) -> None:
        """Opens the trail and writes its first record.

        :raises StoreError: the trail cannot be opened or written.
        """
        settings: Settings = self.rt.settings
        if settings.store is None:
            self.rt.log.info("no store is configured ([audit-trail] store): the trail goes to %s", DEFAULT_STORE)
        self._loop = asyncio.get_running_loop()
        self._origins = Origins(settings.application)
        url = settings.store or DEFAULT_STORE
        keys = Path(settings.keys) if settings.keys is not None else None
        self._safe = await asyncio.to_thread(open_safe, settings.rules, url, keys)
        protector = self._safe.protector
        drafting = Drafting(settings.max_record, protector)
        self._scribe = Scribe(drafting)
        self._notices = Notices(drafting, self._origins)
        self._capture = Capture(settings, self._origins, looked_into=protector.looks_into if protector else _nothing)
        housing = Housing(
            permitted=permitted(self.rt.configuration.current.plugins),
            keys=keys,
            interval=settings.checkpoint_interval,
            capacity=settings.capacity,
            linger=settings.flush_interval / 2 if settings.mode == "relaxed" else 0.0,
            vault=self._safe.vault,
        )
        try:
            self._keeper = await open_keeper(url, self._notices, self._first, housing)
        except BaseException:
            self._safe.close()
            raise
        self._mode = MODES[settings.mode](self._capture, self._scribe, self._keeper)

    @lifecycle.deactivate
    async def deactivate(self) -> None:
        """Writes the last record and closes the trail."""
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            try:
                await keeper.close()
            finally:
                self._safe.close()

    @hookimpl(tryfirst=True)
    async def signalpy_record(self, operation: Captured, proceed: Proceed) -> Any:
        """The recorder: takes what is wanted of an operation and lets the mode stand around it."""
        if isinstance(operation, Call):
            taken = self._capture.call(operation)
            if isinstance(taken, TakenAccess):
                return await self._mode.access(taken, proceed)
            if taken is not None:
                return await self._mode.call(taken, proceed)
        elif (told := self._capture.event(operation)) is not None:
            if operation.event_type == "kernel.started":
                self._warn_of_rules()
            stand = self._mode.lifecycle if told.is_lifecycle else self._mode.event
            return await stand(told, proceed)
        try:
            return await self._mode.untaken(operation, proceed)
        except Exception as error:
            self._safe.remember(operation, error)
            raise

    @hookimpl(trylast=True, on_error="raise")
    async def signalpy_publish(self, event: Publication, proceed: Proceed) -> None:
        """The innermost ring of an event: what comes here is delivered, so its record can be handed over."""
        await self._mode.delivering(event)
        await proceed()

    @hookimpl(targets=guard.GUARDED, on_error="raise")
    async def signalpy_invoke(self, call: Call, proceed: Proceed) -> Any:
        """Keeps other components from the trail, unless their policy names it."""
        guard.check(call.caller, call.target, self.rt.policies())
        return await proceed()

    @hookimpl
    def signalpy_component_activated(self, component: PluginInfo) -> None:
        """Records that a component became active, and remembers where it comes from."""
        self._origins.learn(component.name, component.distribution, component.version)
        self._safe.open_logs(f"signalpy.component.{component.name}")
        if component.name != NAME:
            self._tell(self._notices.component("activated", component))

    @hookimpl
    def signalpy_component_deactivated(self, component: PluginInfo) -> None:
        """Records that a component no longer is active."""
        self._tell(self._notices.component("deactivated", component))

    @hookimpl
    def signalpy_component_failed(self, component: PluginInfo, error: BaseException | None) -> None:
        """Records that a component failed."""
        self._tell(self._notices.component("failed", component, error))

    @hookimpl
    def signalpy_policy_changed(
        self, before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]], actor: str | None
    ) -> Awaitable[Mapping[str, Any]] | None:
        """Records a change of the policies; it comes in the log before what happens under the new ones.

        Gives what tells where it is kept, for a change that was made on the kernel's own thread.
        """
        handed = self._tell(self._notices.policy(before, after, actor))
        return acknowledged(handed, NAME) if handed is not None else None

    @runnable("query", params=QueryParams, description="Search the trail, or count its records")
    async def query(self, params: QueryParams) -> dict[str, Any]:
        """``{"entries": [record, …], "next": cursor or None}``, or counts.

        :raises QueryError: a filter has a value that means nothing.
        """
        filters = params.model_dump(exclude_none=True)
        return await self._open().ask(lambda reader, view: search.ask(reader, filters, view))

    @runnable("export", params=ExportParams, description="Give records out in another format, a page at a time")
    async def export(self, params: ExportParams) -> dict[str, Any]:
        """``{"content", "media_type", "records", "next": cursor or None}``; see `export_page`.

        :raises QueryError: a filter has a value that means nothing.
        :raises ConfigError: there is no such format.
        """
        filters = params.model_dump(exclude_none=True, exclude={"format"})
        accounts = self.rt.settings.export.account_changes
        form = format_named(params.format, **({"accounts": accounts} if params.format == "ocsf" else {}))
        return await self._open().ask(lambda reader, view: export_page(reader, view, form, filters))

    @runnable("erase", params=EraseParams, description="Make what is encrypted of a person unreadable, for good")
    async def erase(self, params: EraseParams) -> dict[str, Any]:
        """``{"erased", "subject", "keys", "seq", "message"}``; `erased` is false where there was nothing to erase.

        :raises AuditUnavailable: it cannot be recorded; nothing is destroyed.
        """
        call = current()
        assert isinstance(call, Call)  # noqa: S101 (a runnable is only reached by a call)

        def draft(begun: erasure.Begun) -> Draft:
            data = erasure.told(begun, params.reason, params.subject)
            return self._scribe.draft(self._capture.erasure(call, data, begun.subject), Ending(SUCCESS))

        return await self._open().erase(params.subject, draft)

    @runnable("summary", description="Tell what the trail is and holds, in numbers")
    async def summary(self) -> dict[str, Any]:
        """Origin, size, first and last times, and counts by kind and outcome; see `summarized`."""
        return await self._open().ask(lambda reader, _: summarized(reader))

    @runnable("status", description="Tell how the trail does, and in an outage why and what to do")
    async def status(self) -> dict[str, Any]:
        """``healthy``, ``store``, ``size``, ``queued`` and more; in an outage also since when, why and the way out."""
        return {**self._open().status(), "mode": self.rt.settings.mode}

    def _warn_of_rules(self) -> None:
        """Says which rules on privacy can never match, now that all runnables and typed events are known."""
        rules: Rules = self.rt.settings.rules
        if rules.rules:
            for problem in hopeless(rules, of_calls(self.rt.targets()), of_events()):
                self.rt.log.warning("%s", problem)

    def _first(self, store: Store) -> Draft:
        inventory = self.rt.inventory()
        self._origins.learn_installed(str(item["name"]) for item in inventory)
        settings = self.rt.settings.model_dump(mode="json", exclude={"store", "privacy"})
        settings |= {"store": store.url, "privacy": self.rt.settings.rules.described()}
        return self._notices.started(inventory, self.rt.policies(), settings)

    def _open(self) -> Keeper:
        if self._keeper is None:
            raise LifecycleError("the trail is closed: audit-trail is not active.", component=NAME)
        return self._keeper

    def _tell(self, draft: Draft) -> asyncio.Future[Receipt] | None:
        """Hands over what a notice told, from whatever thread it came; its receipt, if it came from the loop's own."""
        if self._loop is None or self._keeper is None:
            return None
        try:
            here: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            here = None
        if here is self._loop:
            handed = hand(self._keeper, draft)
            leave(handed)
            return handed
        self._loop.call_soon_threadsafe(lambda keeper: leave(hand(keeper, draft)), self._keeper)
        return None
