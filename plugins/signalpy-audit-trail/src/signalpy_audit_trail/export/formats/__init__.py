"""The formats of an export, by name; a module is imported when its format is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

from signalpy.errors import ConfigError
from signalpy.matching import did_you_mean
from signalpy_audit_trail.export.formats.contract import Entry, Format, RowReader, RowWriter

FORMATS: Final = {
    "cloudevents": "signalpy_audit_trail.export.formats.cloudevents:CloudEvents",
    "csv": "signalpy_audit_trail.export.formats.csv:Csv",
    "jsonl": "signalpy_audit_trail.export.formats.jsonl:JsonLines",
    "ocsf": "signalpy_audit_trail.export.formats.ocsf:Ocsf",
    "parquet": "signalpy_audit_trail.export.formats.parquet:Parquet",
    "syslog": "signalpy_audit_trail.export.formats.syslog:Syslog",
}


def format_named(name: str, **options: Any) -> Format:
    """Return the format ``name``.

    :param options: what its class takes.
    :raises ConfigError: there is none, or it needs a package that is not installed.
    """
    if name not in FORMATS:
        known = ", ".join(FORMATS)
        raise ConfigError(f"there is no format {name!r}; known are {known}.{did_you_mean(name, FORMATS)}", key=None)
    module, _, attribute = FORMATS[name].partition(":")
    made: Format = getattr(import_module(module), attribute)(**options)
    return made


__all__ = ["FORMATS", "Entry", "Format", "RowReader", "RowWriter", "format_named"]
