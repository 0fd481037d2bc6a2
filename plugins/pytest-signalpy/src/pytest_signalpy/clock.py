"""A clock that stands still until the test moves it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Final, Self

import time_machine

START: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)


class FrozenTime:
    """``datetime.now``, ``time.time`` and their like stand still, in every thread of the process.

    The monotonic clock goes on, so that sleeps, timeouts and the event loop work as ever. What does not ask Python for
    the time keeps the real one: the UUIDv7 ids of operations and records, SQL functions, times of files.

    :param start: when it begins to stand; text is RFC 3339, UTC without an offset.
    """

    def __init__(self, start: datetime | str = START) -> None:
        self._travel = time_machine.travel(_aware(start), tick=False)
        self._traveller: Any = None

    def __repr__(self) -> str:
        return f"<FrozenTime({self.now.isoformat()})>"

    def __enter__(self) -> Self:
        self._traveller = self._travel.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._travel.stop()

    @property
    def now(self) -> datetime:
        """The moment at which the clock stands (UTC)."""
        return datetime.now(UTC)

    def move_to(self, moment: datetime | str) -> None:
        """Sets the clock."""
        self._traveller.move_to(_aware(moment))

    def shift(self, by: timedelta | float) -> None:
        """Moves the clock, by seconds if it is a number; backwards if that is negative."""
        self._traveller.shift(by)


def _aware(moment: datetime | str) -> datetime:
    """:raises ValueError: if a text is no time."""
    parsed = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return parsed if parsed.tzinfo is not None else parsed.replace(tzinfo=UTC)
