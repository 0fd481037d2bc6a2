"""What one CloudTrail record says, in the words of an event: who, what, on which resources, when, with what outcome.

Pure. The fields and their meaning are those of the AWS CloudTrail User Guide, "CloudTrail record contents" and
"CloudTrail userIdentity element", versions 1.0 to 1.11. All but ``eventTime`` may be absent or ``null``: version 1.0
had no ``eventID``, Insights events have neither ``eventSource`` nor ``userIdentity``, most have no ``resources``.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

SUFFIX: Final = ".amazonaws.com"
UNKNOWN: Final = "unknown"


class RecordError(ValueError):
    """A value is no CloudTrail record. The message says what was expected and what was found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One record as an event, ready to be published.

    :param client: ``ip`` (or the name of an AWS service), ``user_agent`` and ``request_id``, those that are known.
    :param error: ``type`` and ``message``, those that are known; ``None`` for a success.
    :param occurred_at: aware, UTC.
    :param data: the record, unchanged.
    """

    event_type: str
    actor: str | None
    on_behalf_of: str | None
    client: dict[str, str]
    subjects: tuple[str, ...]
    error: dict[str, str] | None
    occurred_at: datetime
    id: str
    data: Mapping[str, Any]

    @property
    def outcome(self) -> str:
        """``"success"`` or ``"failure"``."""
        return "success" if self.error is None else "failure"


def read_record(value: object, *, fallback_id: str) -> Fact:
    """Reads one element of ``Records``.

    :param fallback_id: the event's id if the record has no ``eventID``; the same at each replay, or it is no repeat.
    :raises RecordError: if it is no object, or has no ``eventTime`` that can be read; an event without its time would
        be recorded as happening now.
    """
    if not isinstance(value, dict):
        raise RecordError(f"expected a CloudTrail record (a JSON object), found {_kind(value)}")
    identity = _mapping(value.get("userIdentity"))
    return Fact(
        event_type=_event_type(value),
        actor=_first(identity, "arn", "invokedBy", "type"),
        on_behalf_of=_text(_mapping(identity.get("onBehalfOf")).get("userId")),
        client=_texts(value, ip="sourceIPAddress", user_agent="userAgent", request_id="requestID"),
        subjects=_arns(value.get("resources")),
        error=_error(value),
        occurred_at=_time(value.get("eventTime")),
        id=_text(value.get("eventID")) or fallback_id,
        data=value,
    )


def _event_type(record: Mapping[str, Any]) -> str:
    """``aws.<service>.<EventName>``; for Insights events, which name neither, ``aws.unknown.AwsCloudTrailInsight``."""
    service = (_text(record.get("eventSource")) or UNKNOWN).removesuffix(SUFFIX)
    name = _first(record, "eventName", "eventType") or UNKNOWN
    return f"aws.{_visible(service)}.{_visible(name)}"


def _error(record: Mapping[str, Any]) -> dict[str, str] | None:
    """``errorCode`` and ``errorMessage``. Without a code there is no failure, so that a recount by code agrees."""
    return _texts(record, type="errorCode", message="errorMessage") if _text(record.get("errorCode")) else None


def _visible(name: str) -> str:
    """The name as it is, but for what would break a line or a word: spaces and control characters become ``_``."""
    if name.isprintable() and " " not in name:
        return name
    return "".join(char if char.isprintable() and not char.isspace() else "_" for char in name)


def _arns(resources: object) -> tuple[str, ...]:
    """The ``ARN`` of each resource, once each; an ``ARNPrefix`` names no resource."""
    found = [_text(_mapping(resource).get("ARN")) for resource in resources] if isinstance(resources, list) else []
    return tuple(dict.fromkeys(arn for arn in found if arn is not None))


def _time(value: object) -> datetime:
    """An ``eventTime`` (ISO 8601, UTC), e.g. ``2023-07-10T11:42:18Z``; one without an offset is UTC too."""
    if isinstance(value, str):
        with suppress(ValueError, OverflowError):
            time = datetime.fromisoformat(value)
            return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    found = "none" if value is None else repr(value)[:40]
    raise RecordError(f"expected a CloudTrail record with an eventTime like 2023-07-10T11:42:18Z, found {found}")


def _texts(record: Mapping[str, Any], **fields: str) -> dict[str, str]:
    found = {name: _text(record.get(field)) for name, field in fields.items()}
    return {name: text for name, text in found.items() if text is not None}


def _first(record: Mapping[str, Any], *fields: str) -> str | None:
    return next((text for text in (_text(record.get(field)) for field in fields) if text is not None), None)


def _text(value: object) -> str | None:
    """A text that says something; numbers, which some tools make of codes and ids, are read as text."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and value.strip() else None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _kind(value: object) -> str:
    names = {list: "an array", str: "a text", bool: "a boolean", int: "a number", float: "a number", type(None): "null"}
    return names.get(type(value), type(value).__name__)
