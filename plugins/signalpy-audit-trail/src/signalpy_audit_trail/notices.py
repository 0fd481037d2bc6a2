"""Records of what is told rather than asked: components, policies, the trail's own start and stop, gaps. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from msgspec import UNSET

from signalpy import Operation, PluginInfo
from signalpy.operation import current
from signalpy_audit_trail import record
from signalpy_audit_trail.draft import Draft
from signalpy_audit_trail.drafting import NOTHING, Drafting, Seen
from signalpy_audit_trail.encoding import plain
from signalpy_audit_trail.fieldpath import written
from signalpy_audit_trail.origin import Origins
from signalpy_audit_trail.outcome import told
from signalpy_audit_trail.record import FAILURE, SUCCESS, Record, fresh_id, now, stamp
from signalpy_audit_trail.settings import NAME


class Notices:
    """Makes the drafts.

    :param clock: tells the time; aware.
    :param new_id: makes ids.
    """

    def __init__(
        self,
        drafting: Drafting,
        origins: Origins,
        *,
        clock: Callable[[], datetime] = now,
        new_id: Callable[[], str] = fresh_id,
    ) -> None:
        self._drafting = drafting
        self._origins = origins
        self._clock = clock
        self._new_id = new_id

    def started(
        self, inventory: Iterable[Mapping[str, Any]], policies: Mapping[str, Any], settings: Mapping[str, Any]
    ) -> Draft:
        """The trail is open: what is loaded, and which policies are in force."""
        data = {"inventory": list(inventory), "policies": policies, "settings": settings}
        return self._own("started", data=data)

    def stopped(self) -> Draft:
        """The trail is about to be closed: nothing is recorded after this."""
        return self._own("stopped")

    def component(self, what: str, info: PluginInfo, error: BaseException | None = None) -> Draft:
        """A component was activated, deactivated, or failed."""
        failed = what == "failed"
        return self._draft(
            record.LIFECYCLE,
            f"kernel.component.{what}",
            **_context(),
            target=info.name,
            outcome=FAILURE if failed else SUCCESS,
            error=told(error if error is not None else info.reason, info.name) if failed else None,
            data={"state": str(info.state), "reason": info.reason} if info.reason else {"state": str(info.state)},
            origin=self._origins.of(info.name),
            seen=Seen(raised=error),
        )

    def policy(
        self, before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]], actor: str | None
    ) -> Draft:
        """Policies were changed: the entries that differ, as they were and as they are."""
        changed = [name for name in dict.fromkeys([*before, *after]) if before.get(name) != after.get(name)]
        return self._draft(
            record.POLICY,
            "kernel.policy.changed",
            **{**_context(), "actor": actor},
            target=changed[0] if len(changed) == 1 else None,
            origin=self._origins.of(),
            data={
                name: {entry: table.get(entry) for entry in changed}
                for name, table in (("before", before), ("after", after))
            },
        )

    def gap(self, start: datetime, end: datetime, cause: str, count: int, *, lost: int = 0) -> Draft:
        """For a time the log could not be written; see ``GapFactory``."""
        data = {"start": stamp(start), "end": stamp(end), "cause": cause, "count": count, "lost": lost}
        return self._own("gap", kind=record.GAP, outcome=FAILURE, time=stamp(start), data=data)

    def unclean(self, process: int, started: str) -> Draft:
        """A writer stopped without closing the trail: what it had not made durable by then is not known.

        :param started: when it had opened the trail.
        """
        end = stamp(self._clock())
        data = {"start": started, "end": end, "cause": "unclean stop", "stopped_process": process}
        return self._own("gap", kind=record.GAP, outcome=FAILURE, time=end, data=data)

    def in_doubt(self, intent: Mapping[str, Any]) -> Draft:
        """A call was about to run when its process stopped: whether it did, or how it ended, is not known.

        :param intent: the stored record of the intent.
        """
        told_again = ("operation_id", "actor", "on_behalf_of", "client", "target", "correlation_id", "causation_id")
        known = {name: intent[name] for name in told_again if name in intent}
        return self._draft(
            record.INVOKE,
            str(intent.get("action", "unknown")),
            **known,
            caller=intent.get("caller"),
            subjects=tuple(intent.get("subjects", ())),
            level=intent.get("level"),
            outcome=record.IN_DOUBT,
            data=intent.get("data", UNSET),
            origin=intent.get("origin", {}),
            seen=Seen(carried=str(intent.get("id"))),
        )

    def _own(self, what: str, kind: str = record.LIFECYCLE, **fields: Any) -> Draft:
        return self._draft(kind, f"{NAME}.{what}", target=NAME, **{"outcome": SUCCESS, **fields})

    def _draft(
        self,
        kind: str,
        action: str,
        *,
        outcome: str = SUCCESS,
        data: object = UNSET,
        seen: Seen = NOTHING,
        **fields: Any,
    ) -> Draft:
        moment = stamp(self._clock())
        payload = plain(data, most=self._drafting.limit) if data is not UNSET else None
        known = {"id": self._new_id(), "time": moment, "caller": "kernel", "origin": self._origins.of(NAME), **fields}
        return self._drafting.draft(
            Record(
                kind=kind,
                action=action,
                outcome=outcome,
                recorded_at=moment,
                data=payload.value if payload is not None else UNSET,
                truncated=tuple(written(("data", *path)) for path in payload.cut) if payload is not None else (),
                **known,
            ),
            seen=seen,
        )


def _context() -> dict[str, Any]:
    """Who acts here and now, and in which chain of operations."""
    here = current()
    if here is None:
        return {}
    return {
        "actor": here.actor,
        "on_behalf_of": here.on_behalf_of,
        "client": plain(here.client).value,
        "correlation_id": here.correlation_id,
        "causation_id": here.operation_id if isinstance(here, Operation) else None,
    }
