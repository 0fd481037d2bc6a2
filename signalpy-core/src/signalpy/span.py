"""How long an operation lives, and the id by which it is known."""

from __future__ import annotations

import threading
from typing import Any, Final

import uuid_utils
from msgspec import Struct

_MAKING: Final = threading.Lock()


class Span(Struct, eq=False):
    """The life of one operation: its id once somebody asked for it, and whether it still runs.

    ``over`` says that its own run has ended; ``holds`` counts what keeps it alive all the same: deliveries that wait
    in a queue, tasks started under it. ``parent`` is cut when the run ends, so that a long chain of events does not
    keep its whole past in memory. ``at`` is how far the deliveries of a publication have come.
    """

    parent: Span | None = None
    id: str | None = None
    over: bool = False
    holds: int = 0
    at: Any = None

    @property
    def alive(self) -> bool:
        """Whether it runs, or something of it does."""
        return not self.over or self.holds > 0

    def read(self) -> str:
        """The id, a UUIDv7 (RFC 9562) made at the first reading; one, also if several threads read at once."""
        if self.id is None:
            with _MAKING:
                if self.id is None:
                    self.id = str(uuid_utils.uuid7())
        return self.id

    def end(self) -> None:
        """Its own run has ended."""
        self.over = True
        self.parent = self.at = None
