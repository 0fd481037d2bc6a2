"""The table ``[audit-trail]`` of the configuration."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from signalpy.errors import ConfigError
from signalpy_audit_trail.drafting import SMALLEST
from signalpy_audit_trail.fieldpath import parse
from signalpy_audit_trail.privacy.rules import Rules, parse_rules

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


def _checked(privacy: dict[str, Any]) -> dict[str, Any]:
    parse_rules(privacy)
    return privacy


def _several(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


Texts = Annotated[tuple[str, ...], BeforeValidator(_several)]


class ExportSettings(BaseModel):
    """The table ``[audit-trail.export]``."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    account_changes: Texts = Field(
        default=("user.*", "users.*"),
        description="patterns of the actions that are about user accounts: in OCSF they are Account Changes",
    )


class CoverageSettings(BaseModel):
    """The table ``[audit-trail.coverage]``."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    exempt: Texts = Field(default=(), description="patterns of the event types that are left out on purpose")


class Settings(BaseModel):
    """What the trail is told; `signalpy describe audit-trail` shows it."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    store: str | None = Field(
        default=None,
        min_length=1,
        description="URL, scheme:///absolute or scheme:relative; file:audit-trail if not given",
    )
    events: Texts = Field(default=("*",), description="patterns of the event types that are recorded")
    mode: Literal["strict", "standard", "relaxed"] = Field(
        default="standard",
        description="when a record must be durable: before anything runs, before the caller gets its result, or soon",
    )
    subjects: dict[str, Texts] = Field(
        default={},
        description="by pattern on event type or target: paths into the data to whom or what a fact concerns",
    )
    max_record: Annotated[int, BeforeValidator(size_in_bytes)] = Field(
        default=1 << 20,
        ge=SMALLEST,
        le=LARGEST,
        description="bytes that a stored record may have; what is longer is cut, and says where",
    )
    application: str | None = Field(
        default=None,
        min_length=1,
        description="what origin.application says; the name of the running program if not given",
    )
    keys: str | None = Field(
        default=None,
        min_length=1,
        description="folder of the keys that sign the log's head; <trail>.keys beside the trail if not given",
    )
    flush_interval: float = Field(
        default=1.0, gt=0, le=3600, description="in relaxed mode, seconds within which a record is written"
    )
    capacity: int = Field(default=100_000, ge=1, le=10_000_000, description="records that may wait to be written")
    checkpoint_interval: float = Field(
        default=60.0, gt=0, le=86_400, description="seconds between two signed heads of a log that grows"
    )
    coverage: CoverageSettings = Field(
        default=CoverageSettings(), description="what `signalpy audit coverage` need not complain of"
    )
    export: ExportSettings = Field(default=ExportSettings(), description="how records look in the formats of others")

    privacy: Annotated[dict[str, Any], AfterValidator(_checked)] = Field(
        default={},
        description="rules on what is stored of a value, by type and field: rules, default, detect, and where keys are",
    )

    @property
    def rules(self) -> Rules:
        """The rules on privacy."""
        return parse_rules(self.privacy)

    @field_validator("subjects")
    @classmethod
    def _are_paths(cls, subjects: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        for text in (text for texts in subjects.values() for text in texts):
            try:
                parse(text)
            except ValueError as wrong:
                raise ConfigError(str(wrong), key="subjects") from wrong
        return subjects
