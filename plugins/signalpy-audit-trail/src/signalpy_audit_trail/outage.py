"""A time in which the log cannot be written: since when, why, what it costs, and what an operator can do."""

from __future__ import annotations

import errno
from datetime import UTC, datetime

from signalpy.errors import AuditUnavailable
from signalpy_audit_trail.store import StoreBusy, StoreClosed, StoreDamaged, StoreForked

_WAYS = {
    errno.ENOSPC: "free space on its file system",
    errno.EDQUOT: "raise the quota, or free space within it",
    errno.EFBIG: "raise the limit of file size of this process",
    errno.EROFS: "make its file system writable",
    errno.EACCES: "give this user the right to write in its folder",
    errno.EPERM: "give this user the right to write in its folder",
    errno.EIO: "replace the failing device",
    errno.ENOENT: "bring its folder back",
}


class Outage:
    """What is known of it so far.

    ``error`` is that of the last attempt; ``late`` counts records that are written afterwards, ``lost`` those for which
    there was no room.
    """

    def __init__(self, error: Exception) -> None:
        self.since = datetime.now(UTC)
        self.error = error
        self.began_with = self.cause
        self.late = 0
        self.lost = 0

    @property
    def cause(self) -> str:
        """Why the log cannot be written: one line."""
        return " ".join(str(self.error).split()) or type(self.error).__name__

    def told(self, error: Exception) -> AuditUnavailable:
        """Return what someone hears who waits for a record that is not durable."""
        message = f"the record is not durable: {self.cause}; the log keeps it and goes on trying to write it"
        raised = AuditUnavailable(message, cause=self.cause, lost=False)
        raised.__cause__ = error
        return raised


def way_out(error: Exception, retry: float) -> str:
    """Return what an operator can do about a log that cannot be written."""
    if isinstance(error, StoreBusy):
        what = "end or resume the process that holds the lock"
    elif isinstance(error, StoreDamaged):
        what = "restore the trail from a copy, or configure another store and restart"
    elif isinstance(error, StoreForked | StoreClosed):
        return "restart the application"
    else:
        code = getattr(error, "code", None) or getattr(error, "errno", None)
        what = _WAYS.get(code or 0, "remove the cause")
    return f"{what}; writing is tried again every {retry:g} s, and nothing that waits is lost meanwhile"
