"""The table ``[audit-trail]`` of the configuration."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from signalpy.errors import ConfigError
from signalpy_audit_trail.drafting import SMALLEST
from signalpy_audit_trail.fieldpath import parse

NAME: Final = "audit-trail"
"""The table, and the component that it belongs to."""

LARGEST: Final = 64 << 20
_SIZE: Final = re.compile(r"(\d{1,12})\s*(B|[KMG]i?B)?", re.IGNORECASE)
_FACTORS: Final = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30}


def size_in_bytes(value: Any) -> int:
    """A number of bytes from a whole number or a text such as ``"1MiB"`` (1024-based) or ``"1MB"`` (1000-based).

    :raises ConfigError: it is neither.
    """
    found = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is not None:
        return int(found[1]) * _FACTORS[(found[2] or "").upper()]
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ConfigError('expected a size such as "1MiB", "500KB" or a number of bytes', key=None)


def _several(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


Texts = Annotated[tuple[str, ...], BeforeValidator(_several)]


class Settings(BaseModel):
    """What the trail is told.

    :param store: URL of the store, ``scheme:///absolute`` or ``scheme:relative``; ``file:audit-trail`` if not given.
    :param events: patterns of the event types that are recorded.
    :param mode: when a record must be durable: before anything runs, before the caller gets its result, or soon.
    :param flush_interval: in relaxed mode, seconds within which a record is written.
    :param capacity: records that may wait to be written.
    :param subjects: paths into the data that name whom or what a fact concerns, by pattern on event type or target.
    :param max_record: the most bytes that one stored record may have; what is longer is cut, and says where.
    :param keys: folder of the keys that sign the log's head; ``<trail>.keys`` beside the trail if not given.
    :param checkpoint_interval: seconds between two signed heads of a log that grows.
    :param application: what ``origin.application`` says; the name of the running program if not given.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    store: str | None = Field(default=None, min_length=1)
    events: Texts = ("*",)
    mode: Literal["strict", "standard", "relaxed"] = "standard"
    subjects: dict[str, Texts] = Field(default_factory=dict)
    max_record: Annotated[int, BeforeValidator(size_in_bytes), Field(ge=SMALLEST, le=LARGEST)] = 1 << 20
    application: str | None = Field(default=None, min_length=1)
    keys: str | None = Field(default=None, min_length=1)
    flush_interval: Annotated[float, Field(gt=0, le=3600)] = 1.0
    capacity: Annotated[int, Field(ge=1, le=10_000_000)] = 100_000
    checkpoint_interval: Annotated[float, Field(gt=0, le=86_400)] = 60.0

    @field_validator("subjects")
    @classmethod
    def _are_paths(cls, subjects: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        for text in (text for texts in subjects.values() for text in texts):
            try:
                parse(text)
            except ValueError as wrong:
                raise ConfigError(str(wrong), key="subjects") from wrong
        return subjects
