"""The operator's door: what a process that runs is asked and told over its socket, and the record of each use.

A use is recorded once: by what it does, where that leaves a record of its own (a change of a policy, a call that the
policies audit, a new configuration), else by the event ``kernel.control.<command>``.
"""

from __future__ import annotations

import asyncio
import logging
import os
import platform
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec
import uuid_utils
from msgspec import Struct, field

from signalpy import __version__
from signalpy.bus import Bus, Dispatcher
from signalpy.errors import (
    BootError,
    InvalidParams,
    PolicyDenied,
    SignalPyError,
    TargetNotFound,
    told,
)
from signalpy.explanation import ACTIONS, Action, explain
from signalpy.hookspecs import RECORD
from signalpy.kernel.announcer import Announcer
from signalpy.kernel.loopwatch import LoopWatch
from signalpy.kernel.regime import Regime
from signalpy.kernel.unit import Roster
from signalpy.matching import did_you_mean
from signalpy.operation import CURRENT, OUTSIDE, acting_as
from signalpy.plain import plain_of
from signalpy.review import doubtful

if TYPE_CHECKING:
    from signalpy.control import Peer, Request, Server
    from signalpy.kernel.kernel import Kernel

log = logging.getLogger("signalpy.control")

RECEIPT: Final = 5.0
"""Seconds to wait for what a recorder says of a policy change."""
EVENTS: Final = "kernel.control."
STATUS: Final = "status"
"""The runnable by which a recorder tells how it does."""


class Nothing(Struct, frozen=True, forbid_unknown_fields=True):
    """A command without parameters."""


class Named(Struct, frozen=True, forbid_unknown_fields=True):
    """A component."""

    name: str


class Called(Struct, frozen=True, forbid_unknown_fields=True):
    """A call of a runnable."""

    target: str
    params: dict[str, Any] | None = None


class Entry(Struct, frozen=True, forbid_unknown_fields=True):
    """Keys of a run-time policy entry; ``None`` unsets one."""

    name: str
    keys: dict[str, Any] = field(default_factory=dict)


class Asked(Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be explained: a caller, and a target or event type."""

    caller: str
    name: str
    action: Action | None = None


class Use:
    """One request while it is answered.

    :ivar id: correlation id of all that comes of it.
    :ivar recorded: what it did has left a record of its own.
    """

    def __init__(self) -> None:
        self.id = str(uuid_utils.uuid7())
        self.recorded = False


Command: TypeAlias = "tuple[type[Struct], Callable[[Any, Use], Awaitable[Any]]]"


class Operator:
    """Does what it is asked at the socket, as the user at its other end."""

    def __init__(
        self,
        kernel: Kernel,
        *,
        regime: Regime,
        roster: Roster,
        dispatcher: Dispatcher,
        announcer: Announcer,
        own_bus: Bus,
        loopwatch: LoopWatch,
    ) -> None:
        self._kernel = kernel
        self._regime = regime
        self._roster = roster
        self._dispatcher = dispatcher
        self._announcer = announcer
        self._own_bus = own_bus
        self._loopwatch = loopwatch
        self._server: Server | None = None
        self._started = time.monotonic()
        self._started_at = datetime.now(UTC)
        self._commands: dict[str, Command] = {
            "doctor": (Nothing, self._doctor),
            "invoke": (Called, self._invoke),
            "plugins": (Nothing, self._plugins),
            "policy": (Nothing, self._policy),
            "policy.check": (Nothing, self._check),
            "policy.explain": (Asked, self._explain),
            "policy.set": (Entry, self._set_policy),
            "reload": (Nothing, self._reload),
            "status": (Nothing, self._status),
            "why": (Named, self._why),
        }

    async def open(self) -> None:
        """Serves at ``[kernel] socket``, if there is one; from before the boot until everything has stopped.

        :raises BootError: if that place cannot be taken.
        """
        path = self._kernel.configuration.kernel.socket
        if path is None:
            return
        from signalpy.control import ControlError, Server

        server = Server(self._answer, _refusal)
        try:
            await server.start(path)
        except ControlError as error:
            raise BootError(f"[kernel] socket: {error}", component=OUTSIDE, why=str(error)) from error
        self._server = server

    async def close(self) -> None:
        """Removes the socket."""
        server, self._server = self._server, None
        if server is not None:
            await server.stop()

    async def _answer(self, request: Request, peer: Peer) -> Any:
        shape, command = self._found(request.command)
        client = {"uid": peer.uid, "pid": peer.pid, "socket": self._kernel.configuration.kernel.socket}
        log.info("%s (process %s): %s", peer.user, peer.pid, request.command)
        use = Use()
        CURRENT.set(None)  # this task was made in the context in which the kernel booted
        with acting_as(peer.user, on_behalf_of=request.on_behalf_of, client=client, correlation_id=use.id):
            error: BaseException | None = None
            try:
                return await command(_params(shape, request), use)
            except BaseException as raised:
                error = raised
                raise
            finally:
                if not use.recorded:
                    await asyncio.shield(asyncio.ensure_future(self._tell(request, error)))

    def _found(self, name: str) -> Command:
        command = self._commands.get(name)
        if command is None:
            hint = did_you_mean(name, self._commands) or f" It knows: {', '.join(sorted(self._commands))}."
            raise TargetNotFound(f"this process knows no command {name!r}.{hint}", target=name, near=[])
        return command

    async def _tell(self, request: Request, error: BaseException | None) -> None:
        """Publishes that the door was used. Without the parameters of a call, which no policy asked to keep."""
        asked = request.params if request.command != "invoke" else {"target": request.params.get("target")}
        outcome = "success"
        if error is not None:
            outcome = "cancelled" if isinstance(error, asyncio.CancelledError) else "failure"
        data = {"command": request.command, **({"params": asked} if asked else {})}
        keywords: dict[str, Any] = {"outcome": outcome, "error": error}
        event_type = EVENTS + request.command
        try:
            if self._kernel.state == "booting":
                self._announcer.put(event_type, data, **keywords)
            else:
                await self._own_bus.publish(event_type, data, **keywords)
        except Exception as failure:  # noqa: BLE001 - whoever records it may fail in any way; the answer is due all the same
            log.error("the use of the socket for %r could not be told: %s", request.command, told(failure))

    async def _plugins(self, _: Nothing, use: Use) -> list[dict[str, str | None]]:
        return [row.as_dict() for row in self._kernel.plugins()]

    async def _why(self, asked: Named, use: Use) -> dict[str, Any]:
        why = self._kernel.why(asked.name)
        return {"name": asked.name, "why": why, "known": not why.startswith("unknown")}

    async def _doctor(self, _: Nothing, use: Use) -> dict[str, Any]:
        from signalpy.doctor import examine_live

        return examine_live(self._kernel).as_dict()

    async def _status(self, _: Nothing, use: Use) -> dict[str, Any]:
        kernel = self._kernel
        rows = kernel.plugins()
        return {
            "state": kernel.state,
            "pid": os.getpid(),
            "started": self._started_at.isoformat(timespec="seconds").replace("+00:00", "Z"),
            "uptime": round(time.monotonic() - self._started, 3),
            "version": __version__,
            "python": platform.python_version(),
            "configuration": str(kernel.configuration.source) if kernel.configuration.source else None,
            "components": {state: sum(row.state == state for row in rows) for state in sorted({r.state for r in rows})},
            "operations": len(self._dispatcher.under_way()),
            "blocked": self._loopwatch.as_dict(),
            "passed_over": self._dispatcher.hooks.passed_over(),
            "recorders": await self._recorders(),
        }

    async def _recorders(self) -> dict[str, Any]:
        """What each recorder that has a runnable ``status`` says of itself."""
        found = {}
        for name in self._recording():
            if f"{name}.{STATUS}" in self._dispatcher.tables.endpoints:
                try:
                    found[name] = plain_of(await self._kernel.bus.invoke(f"{name}.{STATUS}"))
                except Exception as error:  # noqa: BLE001 - the status of the rest is wanted all the more
                    found[name] = {"error": told(error)}
        return found

    def _recording(self) -> list[str]:
        return [unit.name for unit in self._roster if any(hook.hook == RECORD for hook in unit.spec.hooks)]

    async def _invoke(self, asked: Called, use: Use) -> Any:
        """A call that the policies audit, or that they refuse, is recorded as such; and recorders record their own.

        How a recorder does, it tells without a record.
        """
        verdict = self._regime.policies.for_invoke(OUTSIDE, asked.target)
        component, _, runnable = asked.target.partition(".")
        own = component in self._recording()
        use.recorded = runnable != STATUS if own else verdict.audit is not None and bool(self._recording())
        try:
            return plain_of(await self._kernel.bus.invoke(asked.target, asked.params))
        except PolicyDenied:
            use.recorded = bool(self._recording())
            raise

    async def _policy(self, _: Nothing, use: Use) -> dict[str, Any]:
        return {"entries": self._regime.policies.entries()}

    async def _check(self, _: Nothing, use: Use) -> list[dict[str, Any]]:
        components = [row.name for row in self._kernel.plugins()]
        return [
            item.as_dict() for item in doubtful(self._regime.policies, components, self._dispatcher.tables.endpoints)
        ]

    async def _explain(self, asked: Asked, use: Use) -> list[dict[str, Any]]:
        actions = ACTIONS if asked.action is None else (asked.action,)
        return [explain(self._regime.policies, action, asked.caller, asked.name).as_dict() for action in actions]

    async def _set_policy(self, asked: Entry, use: Use) -> dict[str, Any]:
        change = self._regime.set_policy(asked.name, asked.keys)
        use.recorded = True
        return {
            "name": asked.name,
            "before": change.before.get(asked.name),
            "after": change.after.get(asked.name),
            "correlation_id": use.id,
            "receipts": [await _receipt(item) for item in change.receipts],
        }

    async def _reload(self, _: Nothing, use: Use) -> dict[str, Any]:
        changed = await self._kernel.reload()
        use.recorded = bool(changed)
        return {"changed": changed.as_dict(), "words": str(changed)}


def _params(shape: type[Struct], request: Request) -> Struct:
    """:raises InvalidParams: naming what is missing or too much."""
    try:
        return msgspec.convert(request.params, shape)
    except msgspec.ValidationError as error:
        words = str(error).replace("`", "'")
        problem = {"loc": (), "msg": words, "type": "value"}
        raise InvalidParams(f"{request.command}: {words}", target=request.command, problems=[problem]) from None


async def _receipt(given: Awaitable[Mapping[str, Any]]) -> dict[str, Any]:
    try:
        return dict(plain_of(await asyncio.wait_for(given, RECEIPT)))
    except Exception as error:  # noqa: BLE001 - the change is in force; that its record is not, is what there is to say
        return {"unrecorded": told(error)}


def _refusal(error: Exception) -> tuple[str, str, bool]:
    """Name and words of what a command raised, and whether the answer is no, as against that it could not run."""
    kind = type(error).__name__
    if isinstance(error, PolicyDenied):
        rule = getattr(error, "rule", None)
        said = str(error)
        return kind, said if rule is None or str(rule) in said else f"{said} (rule: {rule})", True
    return (kind, str(error), False) if isinstance(error, SignalPyError) else (kind, told(error), True)
