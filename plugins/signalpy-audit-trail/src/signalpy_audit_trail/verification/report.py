"""What a verification found: each check apart, and what follows from all of them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

CHECKS: Final = ("bytes", "order", "tree", "tail", "signature", "index")
"""``bytes``: no record was changed. ``order``: none is missing, out of place or too many. ``tree``: the kept nodes are
those of the records. ``tail``: nothing was cut off since a checkpoint that was given. ``signature``: the head was
signed by a key. ``index``: what serves queries says what the records say."""


class Result(StrEnum):
    """Of one check."""

    HOLDS = "holds"
    BROKEN = "broken"
    NOT_CHECKED = "not_checked"


@dataclass(slots=True)
class Check:
    """One check.

    :param detail: what was found, or why nothing could be.
    :param asked: whether it counts if it could not be made.
    """

    check: str
    result: Result = Result.HOLDS
    detail: str = ""
    asked: bool = True
    first_bad: int | None = None

    def breaks(self, detail: str, seq: int | None = None) -> None:
        """Marks it as broken; of several findings the one of the first position stays."""
        if self.result is Result.BROKEN and (seq is None or (self.first_bad is not None and self.first_bad <= seq)):
            return
        self.result, self.detail, self.first_bad = Result.BROKEN, detail, seq

    def skips(self, detail: str) -> None:
        """Marks it as not checked, unless it is broken already."""
        if self.result is not Result.BROKEN:
            self.result, self.detail = Result.NOT_CHECKED, detail

    def as_dict(self) -> dict[str, Any]:
        """The check as JSON values."""
        found: dict[str, Any] = {"check": self.check, "result": str(self.result)}
        if self.detail:
            found["detail"] = self.detail
        if self.first_bad is not None:
            found["first_bad"] = self.first_bad
        return found


@dataclass(slots=True)
class Report:
    """All checks of one trail, and notes on what is neither good nor bad."""

    url: str
    origin: str
    size: int
    checks: dict[str, Check] = field(default_factory=lambda: {name: Check(name) for name in CHECKS})
    notes: list[str] = field(default_factory=list)

    def require(self, names: Collection[str]) -> None:
        """Makes checks count that were not asked for otherwise."""
        for name in names:
            self.checks[name].asked = True

    @property
    def first_bad(self) -> int | None:
        """Position of the first record that is not what it was, if one could be named."""
        return min((item.first_bad for item in self.checks.values() if item.first_bad is not None), default=None)

    @property
    def verdict(self) -> Result:
        """Broken if anything is; else not checked if something that counts could not be; else holds."""
        results = [item.result for item in self.checks.values()]
        if Result.BROKEN in results:
            return Result.BROKEN
        unchecked = any(item.asked and item.result is Result.NOT_CHECKED for item in self.checks.values())
        return Result.NOT_CHECKED if unchecked else Result.HOLDS

    @property
    def exit_code(self) -> int:
        """0 holds, 1 broken, 2 could not check."""
        return {Result.HOLDS: 0, Result.BROKEN: 1, Result.NOT_CHECKED: 2}[self.verdict]

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON values."""
        return {
            "verdict": str(self.verdict),
            "store": self.url,
            "origin": self.origin,
            "size": self.size,
            "checks": [self.checks[name].as_dict() for name in CHECKS],
            "first_bad": self.first_bad,
            "notes": self.notes,
        }
