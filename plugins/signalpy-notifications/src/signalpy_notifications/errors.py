"""Errors of notifications. None of their messages holds a part of a channel's URL."""

from __future__ import annotations

from signalpy import SignalPyError


class MalformedTransfer(SignalPyError, ValueError):
    """An ``account.transfer`` does not say who received how much from whom.

    :param field: the key in question; ``None`` for the payload as a whole.
    """

    def __init__(self, message: str, *, field: str | None) -> None:
        super().__init__(message)
        self.field = field


class DeliveryFailed(SignalPyError, OSError):
    """A channel did not take a message.

    :param channel: names the channel, e.g. ``"channel 1 (mailto)"``; ``None`` for several.
    """

    def __init__(self, message: str, *, channel: str | None) -> None:
        super().__init__(message)
        self.channel = channel
