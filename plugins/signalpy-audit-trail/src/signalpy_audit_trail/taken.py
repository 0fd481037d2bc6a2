"""What was taken of an operation when it began, and the record that it becomes once its end is known. No I/O."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, Final, Self, TypeAlias

from msgspec import UNSET
from msgspec.structs import replace

from signalpy import Call, Publication
from signalpy_audit_trail.fieldpath import Json, Path, written
from signalpy_audit_trail.members import MISSING, is_a, member
from signalpy_audit_trail.ordinary import Snapshot
from signalpy_audit_trail.outcome import Ending, told
from signalpy_audit_trail.record import INTENT, LIFECYCLE, Record
from signalpy_audit_trail.settings import NAME
from signalpy_audit_trail.subjects import MOST, Subjects

Captured: TypeAlias = Call | Publication

ERASE: Final = f"{NAME}.erase"
METADATA: Final = "metadata"
REQUEST: Final = "request"
FULL: Final = "full"

_KEPT: Final = {METADATA: (), REQUEST: ("params",), FULL: ("params", "result")}


class Taken(ABC):
    """One operation in the making.

    :param begun: its record, as far as it is known from the start.
    :param cut: places in them where something was left out.
    :ivar given: its id came from a publisher.
    """

    given = False

    def __init__(self, operation: Captured, begun: Record, cut: tuple[Path, ...]) -> None:
        self.operation = operation
        self._begun = begun
        self._cut = cut

    @property
    def action(self) -> str:
        """The event type, or the target."""
        return self._begun.action

    @property
    @abstractmethod
    def by(self) -> str:
        """The component that is asked, or that tells."""

    @property
    def seen(self) -> Json:
        """The values that were taken, stored or not, in the shape of a record's ``data``; asked after `record`."""
        return None

    @abstractmethod
    def record(self, ending: Ending, recorded_at: str) -> Record:
        """The record of the operation that ended so."""

    def again(self, new_id: str) -> Self:
        """The same for another record of the operation, under an id of its own."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)  # as copy() does, in a third of its time
        other._begun = replace(self._begun, id=new_id)
        return other

    def bare(self, ending: Ending, recorded_at: str) -> Record:
        """The record without anything that has a size of its own."""
        error = {"type": ending.error["type"]} if ending.error and "type" in ending.error else None
        truncated = ("client", "error", "data", "origin")
        return replace(
            self._begun,
            client=None,
            recorded_at=recorded_at,
            outcome=ending.outcome,
            error=error,
            truncated=truncated,
            origin=None,
        )

    def _made(
        self,
        ending: Ending,
        recorded_at: str,
        cut: Iterable[Path] = (),
        *,
        duration_us: int | None = None,
        subjects: tuple[str, ...] = (),
        level: str | None = None,
        data: Any = UNSET,
    ) -> Record:
        if len(subjects) > MOST:
            subjects, cut = subjects[:MOST], (*cut, ("subjects",))
        return replace(
            self._begun,
            recorded_at=recorded_at,
            outcome=ending.outcome,
            error=ending.error,
            duration_us=duration_us,
            subjects=subjects,
            level=level,
            data=data,
            truncated=tuple(written(path) for path in (*self._cut, *cut)) if cut or self._cut else (),
        )


class TakenCall(Taken):
    """A call: its parameters from the start, at its end the result, as far as the level says.

    :param params: a snapshot, where level, subjects or privacy ask for it.
    :param snapshot: takes one of the result.
    :param whole: whether privacy asks for the result, whatever the level is.
    """

    operation: Call

    def __init__(
        self,
        operation: Call,
        begun: Record,
        cut: tuple[Path, ...],
        *,
        level: str,
        params: Snapshot | None,
        snapshot: Callable[[object], Snapshot],
        subjects: Subjects,
        whole: bool = False,
    ) -> None:
        super().__init__(operation, begun, cut)
        self._level = level
        self._params = params
        self._snapshot = snapshot
        self._subjects = subjects
        self._whole = whole
        self._parts: dict[str, Snapshot] = {}
        self._started = time.perf_counter_ns()

    @property
    def by(self) -> str:
        """The component that was called, or the kernel if there is no such target."""
        target = self.operation.target
        return target.partition(".")[0] if self.operation.known else "kernel"

    @property
    def seen(self) -> Json:
        """Parameters and result, as far as anybody asks for them."""
        return {name: part.value for name, part in self._parts.items()}

    def record(self, ending: Ending, recorded_at: str) -> Record:
        """The record of the call; ``data`` holds parameters and result where the level says so."""
        duration = (time.perf_counter_ns() - self._started) // 1000
        parts = {} if self._params is None else {"params": self._params}
        asked = self._whole or self._level == FULL or self._subjects.lead_into(self.operation.target, "result")
        if asked and ending.result is not MISSING:
            parts["result"] = self._snapshot(ending.result)
        self._parts = parts
        target = self.operation.target
        subjects = self._subjects.of(target, self.seen if self._subjects.paths(target) else None)
        kept: dict[str, Any] = {}
        cut: list[Path] = []
        for name in _KEPT[self._level]:
            if (part := parts.get(name)) is not None:
                kept[name] = part.kept
                cut += [("data", name, *path) for path in part.cut] if part.cut else ()
        return self._made(
            ending,
            recorded_at,
            cut,
            duration_us=None if ending.outcome == INTENT else duration,
            subjects=subjects,
            level=self._level,
            data=kept or UNSET,
        )


class TakenEvent(Taken):
    """An event: the fact that its publisher tells, complete from the start.

    :param given: whether its id came from its publisher.
    :param data: a snapshot of the payload; ``None`` if no payload is to be stored.
    :param seen: the payload, also where it is not stored.
    """

    operation: Publication

    def __init__(
        self,
        operation: Publication,
        begun: Record,
        cut: tuple[Path, ...],
        *,
        given: bool,
        data: Snapshot | None,
        subjects: Subjects,
        seen: Snapshot | None = None,
    ) -> None:
        super().__init__(operation, begun, cut)
        self.given = given
        self._data = data
        self._seen = seen
        self._subjects = subjects

    @property
    def by(self) -> str:
        """The publisher."""
        return self.operation.caller

    @property
    def seen(self) -> Json:
        """The payload."""
        return None if self._seen is None else self._seen.value

    @property
    def is_lifecycle(self) -> bool:
        """Whether it is the kernel's own."""
        return self._begun.kind == LIFECYCLE

    @property
    def fact(self) -> Ending:
        """The ending that the publisher tells of."""
        said = self.operation.fact
        return Ending(said.outcome, None if said.error is None else told(said.error, self.by))

    def record(self, ending: Ending, recorded_at: str) -> Record:
        """The record of the event."""
        event, data = self.operation, self._data
        seen = data.value if data is not None and self._subjects.paths(event.event_type) else None
        return self._made(
            ending,
            recorded_at,
            [("data", *path) for path in data.cut] if data is not None and data.cut else (),
            subjects=self._subjects.of(event.event_type, seen, event.fact.subject),
            level=METADATA if data is None else FULL,
            data=UNSET if data is None else data.kept,
        )


class TakenAccess(Taken):
    """A call of one of the trail's own runnables: what was asked for, and how much was given out."""

    operation: Call

    def __init__(self, operation: Call, begun: Record, cut: tuple[Path, ...], *, asked: Snapshot) -> None:
        super().__init__(operation, begun, cut)
        self._asked = asked
        self._started = time.perf_counter_ns()

    @property
    def by(self) -> str:
        """The trail."""
        return self.operation.target.partition(".")[0]

    def tells_itself(self, result: object) -> bool:
        """Whether the call has written its own record: an erasure is committed by one."""
        return self.action == ERASE and member(result, "seq") is not MISSING

    def record(self, ending: Ending, recorded_at: str) -> Record:
        """The record of the access."""
        data: dict[str, Json] = {"filters": _given(self._asked.value)}
        if (count := _returned(ending.result)) is not None:
            data["returned"] = count
        cut = [("data", "filters", *path) for path in self._asked.cut]
        duration = (time.perf_counter_ns() - self._started) // 1000
        return self._made(ending, recorded_at, cut, duration_us=duration, data=data)


class TakenErasure(Taken):
    """A call that erases: the record that commits it.

    :param data: ``{"keys", "reason"}``.
    :param subject: the stored form of whom it is about.
    """

    def __init__(self, operation: Call, begun: Record, *, data: dict[str, Any], subject: str) -> None:
        super().__init__(operation, begun, ())
        self._data = data
        self._subject = subject

    @property
    def by(self) -> str:
        """The trail."""
        return NAME

    def record(self, ending: Ending, recorded_at: str) -> Record:
        """The record of the erasure."""
        return self._made(ending, recorded_at, subjects=(self._subject,), data=self._data)


def _given(asked: Json) -> Json:
    return {name: value for name, value in asked.items() if value is not None} if isinstance(asked, dict) else asked


def _returned(result: object) -> int | None:
    """How many records, or groups of them, an answer gives out."""
    answers = (member(result, name) for name in ("entries", "counts"))
    return next((len(answer) for answer in answers if is_a(answer, list, dict)), None)
