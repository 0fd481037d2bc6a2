"""Keeps protected values out of the log lines of the kernel and the trail: failures are logged with their traceback."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterable
from typing import Final

from signalpy import Operation
from signalpy.operation import current
from signalpy_audit_trail.privacy import detect, marks
from signalpy_audit_trail.privacy.masking import REDACTED, Mask
from signalpy_audit_trail.privacy.protector import Protector
from signalpy_audit_trail.privacy.underway import mask_of

LOGGERS: Final = (
    "signalpy.audit_trail",
    "signalpy.audit_trail.privacy",
    "signalpy.bus",
    "signalpy.hooks",
    "signalpy.kernel",
)
"""Those that tell of operations. A logger's filter is for its own lines only, not for those of its children."""

_formatter = logging.Formatter()


class LogMask(logging.Filter):
    """Takes out of a line what the rules protect: the values of the operation in which it is written.

    The values of operations inside it too, where their exception came through.
    """

    def __init__(self, protector: Protector) -> None:
        super().__init__()
        self._protector = protector
        self._loggers: list[logging.Logger] = []

    def attach(self, names: Iterable[str] = LOGGERS) -> None:
        """Stand before the lines of some loggers."""
        for name in names:
            logger = logging.getLogger(name)
            logger.addFilter(self)
            self._loggers.append(logger)

    def detach(self) -> None:
        """Stand before none any more."""
        while self._loggers:
            self._loggers.pop().removeFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        """Let the line pass, without what is protected; what has nothing of it passes as it is."""
        error = record.exc_info[1] if record.exc_info else None
        masks = [*marks.of(error), *self._of_operation()]
        if not masks and not self._protector.rules.detect:
            return True
        message = record.getMessage()
        if (hidden := self._words(record, message, masks)) != message:
            record.msg, record.args = hidden, ()
        if record.exc_info:
            told = record.exc_text or _formatter.formatException(record.exc_info)
            if (hidden := self._hidden(told, masks)) != told:
                frames = "".join(traceback.format_tb(record.exc_info[2])) if hidden == REDACTED else ""
                record.exc_text, record.exc_info = frames + hidden, None
        return True

    def _words(self, record: logging.LogRecord, message: str, masks: Iterable[Mask]) -> str:
        """The message of a line. The kernel's own tells no values; of a component's only what stands before them."""
        if record.name not in LOGGERS and any(mask.hides_all for mask in masks):
            message = record.msg if record.args and isinstance(record.msg, str) else REDACTED
        return self._hidden(message, (mask for mask in masks if not mask.hides_all))

    def _hidden(self, text: str, masks: Iterable[Mask]) -> str:
        for mask in masks:
            text = mask(text)
        return detect.scrubbed_text(text, REDACTED) if self._protector.rules.detect else text

    def _of_operation(self) -> Iterable[Mask]:
        operation = current()
        mask = mask_of(self._protector, operation) if isinstance(operation, Operation) else None
        return () if mask is None else (mask,)
