"""Writes drafts of operations, and does not fail."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

from signalpy_audit_trail.draft import Draft
from signalpy_audit_trail.drafting import NOTHING, Drafting, Seen
from signalpy_audit_trail.outcome import Ending
from signalpy_audit_trail.record import now, stamper
from signalpy_audit_trail.taken import Taken

log = logging.getLogger("signalpy.audit_trail")


class Scribe:
    """Makes the draft of what was taken.

    :param clock: tells the time; aware.
    """

    def __init__(self, drafting: Drafting, clock: Callable[[], datetime] = now) -> None:
        self._drafting = drafting
        self._stamp = stamper(clock)

    def draft(self, taken: Taken, ending: Ending) -> Draft:
        """The draft of an operation that ended so; without its values if these cannot be worked with at all.

        That happens where the operation has used up the stack, and must not cost it its record.
        """
        moment = self._stamp()
        try:
            record = taken.record(ending, moment)
            seen = Seen(taken.seen, ending.raised) if self._drafting.protects(record) else NOTHING
            return self._drafting.draft(record, given=taken.given, seen=seen)
        except Exception:
            log.exception("a record is kept without its data, since making it failed")
            return self._drafting.draft(taken.bare(ending, moment), given=taken.given)
