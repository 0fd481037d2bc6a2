"""The tables of the bus: who answers a target, who takes an event type.

Made anew at each change and swapped in one step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from signalpy.bus.delivery import Delivery
from signalpy.bus.endpoint import Endpoint
from signalpy.errors import TargetNotFound
from signalpy.matching import PatternIndex, did_you_mean, nearest


class Tables:
    """Endpoints by target, and subscriptions by pattern in the order in which they are to be served.

    :param unavailable: makes the error for a target whose component is known but does not run; ``None`` if it is not
        known.
    """

    def __init__(
        self,
        endpoints: Iterable[Endpoint] = (),
        deliveries: Iterable[Delivery] = (),
        unavailable: Callable[[str], TargetNotFound | None] = lambda target: None,
    ) -> None:
        self.endpoints = {item.target: item for item in endpoints}
        self._deliveries = tuple(deliveries)
        self._subscriptions: PatternIndex[Delivery] | None = None
        self._unavailable = unavailable

    def __repr__(self) -> str:
        return f"<Tables(endpoints={len(self.endpoints)}, subscriptions={len(self._deliveries)})>"

    def subscribers(self, event_type: str) -> tuple[Delivery, ...]:
        """The deliveries for an event type, in order."""
        if self._subscriptions is None:
            self._subscriptions = PatternIndex((item.spec.pattern, item) for item in self._deliveries)
        return self._subscriptions.find(event_type)

    def absent(self, target: str) -> TargetNotFound:
        """The error for a target that has no endpoint."""
        known = self._unavailable(target)
        if known is not None:
            return known
        hint = did_you_mean(target, self.endpoints)
        advice = hint or " See `signalpy plugins` for what is installed."
        return TargetNotFound(
            f"no component offers {target!r}.{advice}", target=target, near=nearest(target, self.endpoints)
        )
