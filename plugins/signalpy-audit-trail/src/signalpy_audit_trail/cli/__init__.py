"""``signalpy audit``: the trail on the command line, offline. Neither a kernel nor an event loop is started for it."""

from signalpy_audit_trail.cli.group import audit

__all__ = ["audit"]
