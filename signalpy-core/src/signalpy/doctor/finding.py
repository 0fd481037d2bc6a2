"""What a check finds, and the report of all checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Level(StrEnum):
    """``PROBLEM``: something is not as it should be. ``NOTE``: nothing is wrong, and somebody should know it."""

    PROBLEM = "problem"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing.

    :param check: which check found it.
    :param subject: whom or what it is about: a distribution, a component, a path, a key of the configuration.
    :param message: one line that says what is wrong and what to do.
    """

    check: str
    level: Level
    subject: str
    message: str

    def as_dict(self) -> dict[str, str]:
        """As plain JSON values, keys in this order."""
        return {"check": self.check, "level": str(self.level), "subject": self.subject, "message": self.message}


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of an examination.

    :param made: the checks that were made.
    :param not_made: those that were not, and why.
    """

    findings: tuple[Finding, ...]
    made: tuple[str, ...]
    not_made: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<Report(num_findings={len(self.findings)}, made={len(self.made)}, not_made={len(self.not_made)})>"

    @property
    def problems(self) -> tuple[Finding, ...]:
        """The findings that are problems."""
        return tuple(finding for finding in self.findings if finding.level is Level.PROBLEM)

    def with_more(self, other: Report) -> Report:
        """Both; what one of them made counts as made."""
        made = (*self.made, *other.made)
        left = {check: why for check, why in {**self.not_made, **other.not_made}.items() if check not in made}
        return Report((*self.findings, *other.findings), made, left)

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Report:
        """The report that ``as_dict`` has told of."""
        findings = (
            Finding(item["check"], Level(item["level"]), item["subject"], item["message"]) for item in told["findings"]
        )
        return cls(tuple(findings), tuple(told["made"]), told["not_made"])

    def as_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "healthy": not self.problems,
            "findings": [finding.as_dict() for finding in self.findings],
            "made": list(self.made),
            "not_made": dict(self.not_made),
        }
