"""The audit trail of a test: a real one, in a folder of the test."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from signalpy_audit_trail.verification import Report

COMPONENT: Final = "audit-trail"


class AuditTrailView:
    """Reads the trail that the test's kernel writes. What is durable is found, and no reading is recorded.

    :ivar path: the folder of the trail (the ``file:`` store).
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._trail: Any = None

    def __repr__(self) -> str:
        return f"<AuditTrailView({self.path})>"

    def query(self, **filters: Any) -> list[dict[str, Any]]:
        """The records that pass the filters of ``audit-trail.query``, oldest first unless ``order`` says otherwise.

        :raises QueryError: a filter has a value that means nothing.
        """
        page: dict[str, Any] = self._open().query(**{"order": "asc", "limit": 1000, **filters})
        entries: list[dict[str, Any]] = page["entries"]
        return entries

    def actions(self, **filters: Any) -> list[str]:
        """What the records tell of, such as ``account.transfer``, without those of the kernel's own life."""
        return [record["action"] for record in self.query(**filters) if record["kind"] != "lifecycle"]

    def one(self, **filters: Any) -> dict[str, Any]:
        """The only record that passes.

        :raises AssertionError: if there is none, or there are several.
        """
        found = self.query(**filters)
        if len(found) != 1:
            counted = Counter(record["action"] for record in self.query())
            raise AssertionError(f"expected one record for {filters}, found {len(found)}; there are {dict(counted)}")
        return found[0]

    def verify(self) -> Report:
        """Re-derives every proof; its ``verdict`` is ``"holds"`` unless a record was changed, removed or reordered."""
        report: Report = self._open().verify()
        return report

    def close(self) -> None:
        """Lets go of the files."""
        if self._trail is not None:
            self._trail.close()
            self._trail = None

    def _open(self) -> Any:
        if self._trail is None:
            from signalpy_audit_trail import open_trail

            self._trail = open_trail(self.path)
        return self._trail
