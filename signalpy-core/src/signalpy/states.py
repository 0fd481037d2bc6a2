"""The states of a component, and what is told of one from outside."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Where a component stands. Only ``ACTIVE`` ones take part in calls and events."""

    DISCOVERED = "discovered"
    DENIED = "denied"
    INCOMPATIBLE = "incompatible"
    COLLISION = "collision"
    ALTERED = "altered"
    FAILED = "failed"
    WAITING = "waiting"
    ACTIVE = "active"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class PluginInfo:
    """One row of ``kernel.plugins()``.

    :param name: component name.
    :param distribution: canonical distribution name; ``None`` for a class that was given by hand.
    :param version: version of the distribution, or the component's own where there is none; ``None`` if unknown.
    :param reason: why it is not active, in words; empty if there is nothing to say.
    """

    name: str
    distribution: str | None
    version: str | None
    state: State
    reason: str = ""

    def as_dict(self) -> dict[str, str | None]:
        """The row as plain JSON values, keys in this order."""
        return {
            "name": self.name,
            "distribution": self.distribution,
            "version": self.version,
            "state": str(self.state),
            "reason": self.reason,
        }
