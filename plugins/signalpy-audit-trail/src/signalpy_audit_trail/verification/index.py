"""The index held against the records that it is derived from."""

from __future__ import annotations

from signalpy_audit_trail.store import StoreError, StoreReader
from signalpy_audit_trail.verification.report import Report, Result


def check_index(report: Report, reader: StoreReader, *, wanted: bool) -> None:
    """Whether what serves queries says what the records say. A missing or lagging index is no fault."""
    check = report.checks["index"]
    check.asked = False
    if not wanted:
        check.skips("not asked for")
        return
    try:
        state = reader.check_index()
    except StoreError as error:
        check.skips(f"the records cannot be read for it: {error}")
        return
    if state.difference:
        broken = any(report.checks[name].result is Result.BROKEN for name in ("bytes", "order", "tail"))
        advice = "keep it as evidence: the log is broken" if broken else "run: signalpy audit reindex"
        check.breaks(f"{state.difference}; {advice}", state.seq)
    elif state.size is None:
        check.skips("there is no index; a query makes it")
    else:
        check.detail = f"it knows {state.size} of {report.size} records"
