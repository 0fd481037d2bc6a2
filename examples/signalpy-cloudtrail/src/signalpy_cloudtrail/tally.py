"""What a replay has done so far, and the answer that is made of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

SHOWN: Final = 100
"""Problems that an answer lists; beyond, they are counted only, so that a file of rubbish fills no memory."""


@dataclass(slots=True)
class Tally:
    """Counts of one replay.

    :param files: files that were read.
    :param unread: those of them that could not be read to their end.
    :param ignored: files that stand beside them and were left out.
    :param published: records that were published.
    :param failed: records that were not, and places where there should be one.
    """

    files: int = 0
    unread: int = 0
    ignored: int = 0
    published: int = 0
    failed: int = 0
    problems: list[dict[str, Any]] = field(default_factory=list)

    def refuse(self, file: str, number: int, reason: str) -> None:
        """Notes that record ``number`` of ``file`` was not published."""
        self.failed += 1
        self._note(file, number, reason)

    def give_up(self, file: str, number: int, reason: str) -> None:
        """Notes that ``file`` cannot be read from record ``number`` on; what came before stands."""
        self.unread += 1
        self._note(file, number, f"cannot be read from here on: {reason}")

    def answer(self) -> dict[str, Any]:
        """The counts; and ``error`` and ``problems``, if anything was not published."""
        counts: dict[str, Any] = {
            "records": self.published + self.failed,
            "published": self.published,
            "failed": self.failed,
            "files": self.files,
            "unread": self.unread,
            "ignored": self.ignored,
        }
        if self.problems:
            counts |= {"error": self._told(), "problems": self.problems}
        return counts

    def _note(self, file: str, number: int, reason: str) -> None:
        if len(self.problems) < SHOWN:
            self.problems.append({"file": file, "record": number, "reason": reason})

    def _told(self) -> str:
        missing = [f"{self.failed} of {self.published + self.failed} records were not published"] if self.failed else []
        missing += [f"{self.unread} of {self.files} files could not be read to the end"] if self.unread else []
        first = self.problems[0]
        return (
            f"{' and '.join(missing)}, first {first['file']}, record {first['record']}: {first['reason']}; "
            "replay again when it is mended, what stands already is not recorded twice"
        )
