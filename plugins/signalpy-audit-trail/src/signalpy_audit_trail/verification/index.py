"""The index held against the records that it is derived from."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from signalpy_audit_trail.store import IndexInParts, IndexState, StoreError, StoreReader
from signalpy_audit_trail.verification.report import Report, Result


class PartFound(msgspec.Struct, tag=True):
    """What was found in one part of the index, as `IndexState` says it, or why the records cannot be read for it."""

    size: int | None
    difference: str = ""
    seq: int | None = None
    unreadable: str = ""


def parts_of(reader: StoreReader, count: int) -> Sequence[str]:
    """The parts in which ``count`` processes compare the index; one without a name where the reader knows of none."""
    return reader.index_parts(count) if isinstance(reader, IndexInParts) else ("",)


def check_part(reader: StoreReader, name: str, told: Callable[[int], None]) -> PartFound:
    """Compares one part.

    :param told: called with the number of records that were compared since it was called last.
    """
    try:
        if name and isinstance(reader, IndexInParts):
            return PartFound(*reader.check_index_part(name, told))
        return PartFound(*reader.check_index())
    except StoreError as error:
        return PartFound(None, unreadable=str(error))


def conclude(report: Report, found: Sequence[PartFound] | None) -> None:
    """Whether what serves queries says what the records say. A missing or lagging index is no fault.

    :param found: in all parts; `None` if it was not asked for.
    """
    check = report.checks["index"]
    check.asked = False
    if found is None:
        check.skips("not asked for")
        return
    state = _joined(found)
    unreadable = next((part.unreadable for part in found if part.unreadable), "")
    if state.difference:
        broken = any(report.checks[name].result is Result.BROKEN for name in ("bytes", "order", "tail"))
        advice = "keep it as evidence: the log is broken" if broken else "run: signalpy audit reindex"
        check.breaks(f"{state.difference}; {advice}", state.seq)
    elif unreadable:
        check.skips(f"the records cannot be read for it: {unreadable}")
    elif state.size is None:
        check.skips("there is no index; a query makes it")
    else:
        check.detail = f"it knows {state.size} of {report.size} records"


def _joined(found: Sequence[PartFound]) -> IndexState:
    """What all parts say together: damage of the whole first, then the first difference by position."""
    size = max((part.size for part in found if part.size is not None), default=None)
    different = [part for part in found if part.difference]
    if not different:
        return IndexState(size)
    first = min(different, key=lambda part: -1 if part.seq is None else part.seq)
    return IndexState(size, first.difference, first.seq)
