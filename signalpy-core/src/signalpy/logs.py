"""Logging on stderr, for programs that are the whole process; a library leaves it to the application."""

from __future__ import annotations

import logging
from typing import Final

from signalpy.errors import told, words

AUDIT: Final = "signalpy.audit"
"""The logger of the policy lines: each message is one JSON object, written as it is."""


class OneLine(logging.Formatter):
    """A line per record, without tracebacks: for commands whose reader wants to know what, not where."""

    def format(self, record: logging.LogRecord) -> str:
        """The message on one line, and what was raised as far as the message does not say it."""
        message = " ".join(record.getMessage().split())
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and (words(error) or type(error).__name__) not in message:
            message = f"{message.removesuffix(f': {type(error).__name__}')}: {told(error)}"
        return f"{record.levelname.lower()}: {message}"


def to_stderr(level: str | int, *, tracebacks: bool = True) -> None:
    """Sends what is logged at ``level`` and above to stderr, unless the root logger has handlers already.

    The policy lines are written bare, one JSON object each.
    """
    root = logging.getLogger()
    if root.handlers:
        return
    full = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    root.addHandler(_handler(full if tracebacks else OneLine()))
    root.setLevel(level)
    audit = logging.getLogger(AUDIT)
    audit.addHandler(_handler(logging.Formatter("%(message)s")))
    audit.propagate = False


def _handler(formatter: logging.Formatter) -> logging.Handler:
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    return handler
