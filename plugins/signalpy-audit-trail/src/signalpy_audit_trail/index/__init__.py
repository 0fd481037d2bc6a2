"""A derived index of a log in SQLite: positions and search keys, never payload. It may lag, and may be thrown away."""

from signalpy_audit_trail.index.answers import Place
from signalpy_audit_trail.index.check import check_index, compare_index
from signalpy_audit_trail.index.index import Index, Log

__all__ = ["Index", "Log", "Place", "check_index", "compare_index"]
