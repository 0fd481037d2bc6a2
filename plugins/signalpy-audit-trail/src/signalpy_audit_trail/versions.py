"""An entry in the form of today: upcasters that are known here are run on what was stored. Pure."""

from __future__ import annotations

from typing import Any, Final

from signalpy.schemas import KNOWN, Schemas

READING: Final = "schema_reading"
"""The member that a reader adds where the payload is in another form than the newest that is known, or was."""


def in_todays_form(entry: dict[str, Any], schemas: Schemas = KNOWN) -> dict[str, Any]:
    """Return ``entry`` itself, or one with the payload and the schema of the latest version that is known.

    Then it has ``schema_reading``: ``{"flag", "stored"}`` and, where it is as it was stored, ``"problem"``.
    """
    schema = entry.get("schema")
    if not isinstance(schema, str) or "data" not in entry:
        return entry
    reading = schemas.read(schema, entry["data"])
    if reading.flag is None:
        return entry
    told = {"flag": reading.flag, "stored": schema, "problem": reading.problem}
    return {
        **entry,
        "schema": reading.schema,
        "data": reading.data,
        READING: {key: value for key, value in told.items() if value is not None},
    }
