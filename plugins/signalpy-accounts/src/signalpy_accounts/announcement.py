"""The announcement: the event that tells of one committed change, complete enough to be told by another process."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from signalpy.operation import Context, current
from signalpy_accounts.book import Change
from signalpy_accounts.events import SCHEMAS


@dataclass(frozen=True, slots=True)
class Announcement:
    """An event to be published, and who stands behind it.

    :param id: fixed before the change is committed; a repeated publication is known by it.
    :param occurred_at: when the change was made (UTC).
    :param causation_id: operation id of the call that made the change.
    :param schema: the version of ``data``; ``None`` in a ledger of before events had one.
    """

    id: str
    event_type: str
    data: Mapping[str, Any]
    subject: tuple[str, ...]
    occurred_at: datetime
    actor: str | None
    on_behalf_of: str | None
    client: Mapping[str, Any] | None
    correlation_id: str | None
    causation_id: str | None
    schema: str | None = None

    @classmethod
    def of(cls, change: Change) -> Announcement:
        """The announcement of a change made now, by the operation that runs here."""
        here = current() or Context()
        return cls(
            id=str(uuid4()),
            event_type=change.event_type,
            data=change.data,
            subject=change.names,
            occurred_at=datetime.now(UTC),
            actor=here.actor,
            on_behalf_of=here.on_behalf_of,
            client=here.client,
            correlation_id=here.correlation_id,
            causation_id=here.span.read() if here.span is not None else here.causation_id,
            schema=SCHEMAS[change.event_type],
        )

    def to_json(self) -> str:
        """One line of ASCII. What JSON cannot hold, which only ``client`` may contain, is written as its text."""
        return json.dumps(asdict(self) | {"occurred_at": self.occurred_at.isoformat()}, default=str)

    @classmethod
    def from_json(cls, text: str) -> Announcement:
        """The inverse of :meth:`to_json`."""
        fields = json.loads(text)
        fields["subject"] = tuple(fields["subject"])
        fields["occurred_at"] = datetime.fromisoformat(fields["occurred_at"])
        return cls(**fields)
