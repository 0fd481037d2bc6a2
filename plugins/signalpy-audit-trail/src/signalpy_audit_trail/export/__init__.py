"""Exports: the records of a trail in the formats of others, with a manifest that proves them without the trail."""

from signalpy_audit_trail.export.checking import ExportReport, check_export
from signalpy_audit_trail.export.formats import FORMATS, Format, format_named
from signalpy_audit_trail.export.manifest import ManifestError
from signalpy_audit_trail.export.writing import Source, write_export

__all__ = [
    "FORMATS",
    "ExportReport",
    "Format",
    "ManifestError",
    "Source",
    "check_export",
    "format_named",
    "write_export",
]
