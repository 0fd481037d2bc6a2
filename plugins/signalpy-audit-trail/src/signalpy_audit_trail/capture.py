"""What is captured: decided first and cheaply, and its values taken before anything runs. No I/O."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, cast

from signalpy import Call, Publication
from signalpy.matching import matches_any
from signalpy.operation import PLAIN, Fact
from signalpy_audit_trail import record
from signalpy_audit_trail.encoding import encode, plain, text
from signalpy_audit_trail.fieldpath import Json, Path
from signalpy_audit_trail.ordinary import Snapshot, ready
from signalpy_audit_trail.origin import Origins
from signalpy_audit_trail.record import Record, fresh_id, now, replaced, stamp, stamper
from signalpy_audit_trail.settings import NAME, Settings
from signalpy_audit_trail.subjects import Subjects
from signalpy_audit_trail.taken import METADATA, Captured, Taken, TakenAccess, TakenCall, TakenErasure, TakenEvent

UNRECORDED: Final = f"{NAME}.status"
NOTICED: Final = frozenset({"kernel.policy.changed"})
"""Events that repeat what a notice has told."""

_OWN: Final = f"{NAME}."
_KERNEL: Final = "kernel."
_EVENT_TYPES_KEPT: Final = 4096


class Capture:
    """Decides what is captured, and takes it.

    :param looked_into: of which event types and targets the values are to be taken also where they are not stored.
    :param clock: tells the time; aware.
    :param new_id: makes ids.
    """

    def __init__(
        self,
        settings: Settings,
        origins: Origins,
        *,
        looked_into: Callable[[str], bool] = lambda _: False,
        clock: Callable[[], datetime] = now,
        new_id: Callable[[], str] = fresh_id,
    ) -> None:
        self._patterns = settings.events
        self._limit = settings.max_record
        self._subjects = Subjects(settings.subjects)
        self._origins = origins
        self._looked_into = looked_into
        self._stamp = stamper(clock)
        self._new_id = new_id
        self._wants = lru_cache(maxsize=_EVENT_TYPES_KEPT)(self._matches)

    def call(self, call: Call) -> Taken | None:
        """What is taken of a call when it begins; ``None`` if no record of it is wanted.

        Calls are captured at the level that the policies ask for, denied ones always.
        """
        verdict = call.verdict
        if call.target.startswith(_OWN):  # recorded as access and as nothing else
            return self._access(call) if call.target != UNRECORDED or not verdict.allowed else None
        level = verdict.audit or (None if verdict.allowed else METADATA)
        return None if level is None else self._call(call, level)

    def event(self, event: Publication) -> TakenEvent | None:
        """What is taken of an event when it is published; ``None`` if no record of it is wanted.

        Events are captured whole where they match, the kernel's own always; a denied one that does not match, without
        its data.
        """
        allowed = event.verdict.allowed
        if allowed and event.event_type.startswith(_KERNEL):
            return None if event.event_type in NOTICED else self._event(event, record.LIFECYCLE, whole=True)
        whole = self._wants(event.event_type)
        return self._event(event, record.EVENT, whole=whole) if whole or not allowed else None

    def refused(self, operation: Captured) -> Taken:
        """What is taken of an operation of which nothing was wanted until an interceptor refused it."""
        if isinstance(operation, Call):
            is_own = operation.target.startswith(_OWN)
            return self._access(operation) if is_own else self._call(operation, METADATA)
        return self._event(operation, record.EVENT, whole=False)

    def erasure(self, call: Call, data: dict[str, Any], subject: str) -> TakenErasure:
        """What commits an erasure.

        :param subject: the stored form of whom it is about.
        """
        begun, _ = self._begun(call, record.ERASURE, concerned=NAME)
        return TakenErasure(call, begun, data=data, subject=subject)

    def _matches(self, event_type: str) -> bool:
        return matches_any(event_type, self._patterns) is not None

    def _call(self, call: Call, level: str) -> Taken:
        begun, cut = self._begun(call, record.INVOKE, concerned=call.target.partition(".")[0])
        whole = self._looked_into(call.target)
        asked = whole or level != METADATA or self._subjects.lead_into(call.target, "params")
        params = self._snapshot(call.params) if asked else None
        return TakenCall(
            call,
            begun,
            cut,
            level=level,
            params=params,
            snapshot=self._snapshot,
            subjects=self._subjects,
            whole=whole,
        )

    def _access(self, call: Call) -> Taken:
        begun, cut = self._begun(call, record.ACCESS, concerned=NAME)
        return TakenAccess(call, begun, cut, asked=self._snapshot(call.params))

    def _event(self, event: Publication, kind: str, *, whole: bool) -> TakenEvent:
        said = event.fact
        begun, cut = self._begun(event, kind, concerned=event.terms.caller, said=said)
        looked_into = whole or self._looked_into(event.event_type)
        data = self._snapshot(event.data) if looked_into else None
        return TakenEvent(
            event,
            begun,
            cut,
            given=said.id is not None,
            data=data if whole else None,
            subjects=self._subjects,
            seen=data,
        )

    def _begun(
        self, operation: Captured, kind: str, *, concerned: str, said: Fact = PLAIN
    ) -> tuple[Record, tuple[Path, ...]]:
        """The record of an operation, as far as it is known when it begins, and where something of it was left out.

        :param said: what the publisher of an event says of it.
        """
        outer = operation.outer
        client = self._snapshot(outer.client) if outer.client is not None else None
        name = self._text(operation.name) or ""
        operation_id = operation.operation_id
        begun = Record(  # fifteen: for more keywords Python makes a dictionary first, in three times the time
            id=self._new_id() if said.id is None else text(said.id),
            operation_id=operation_id,
            time=self._stamp() if said.occurred_at is None else self._moment(said.occurred_at),
            recorded_at="",
            kind=kind,
            action=name,
            actor=self._text(outer.actor),
            on_behalf_of=self._text(outer.on_behalf_of),
            client=None if client is None else cast("Json", client.kept),
            caller=self._text(operation.terms.caller),
            target=name if isinstance(operation, Call) else None,
            outcome="",
            correlation_id=operation_id if outer.correlation is None else self._text(outer.correlation_id),
            causation_id=None if outer.causation is None else self._text(outer.causation_id),
            origin=self._origins.of(concerned),
        )
        if said.schema is not None:
            begun = replaced(begun, schema=self._text(said.schema))
        return begun, tuple(("client", *path) for path in client.cut) if client is not None else ()

    def _snapshot(self, value: object) -> Snapshot:
        """``value`` as it is now: as bytes, where it is JSON already."""
        return ready(value, most=self._limit) or plain(value, most=self._limit)

    def _text(self, value: object) -> str | None:
        """A text that should be one; of another value the text of its JSON."""
        if value is None:
            return None
        if type(value) is str:
            return value if value.isascii() else text(value)
        found = plain(value, most=self._limit).value
        return found if isinstance(found, str) else encode(found).decode()

    def _moment(self, moment: datetime) -> str:
        try:
            return stamp(moment)
        except Exception:  # noqa: BLE001 (a time zone that fails must not stop the log; the moment of capture stands for it)
            return self._stamp()
