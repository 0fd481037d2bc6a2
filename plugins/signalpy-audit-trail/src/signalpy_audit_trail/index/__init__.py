"""A derived index of a log in SQLite: positions and search keys, never payload. It may lag, and may be thrown away."""

from signalpy_audit_trail.index.answers import Place
from signalpy_audit_trail.index.check import WHOLE, check_index, compare_index, parts_in, parts_of
from signalpy_audit_trail.index.index import Index, Log

__all__ = ["WHOLE", "Index", "Log", "Place", "check_index", "compare_index", "parts_in", "parts_of"]
