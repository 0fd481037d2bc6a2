"""What goes wrong between the operator and the process that he asks."""

from __future__ import annotations

from signalpy.errors import SignalPyError


class ControlError(SignalPyError, RuntimeError):
    """The process could not be asked, or did not do what it was asked.

    :ivar kind: name of the exception that it tells of; ``None`` if it could not be asked at all.
    :ivar no: the command ran there, and the answer is no.
    """

    def __init__(self, message: str = "", *, kind: str | None = None, no: bool = False) -> None:
        super().__init__(message)
        self.kind = kind
        self.no = no
