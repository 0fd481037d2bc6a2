"""A channel: one Apprise URL, ready to be sent to. Blocking; called in a thread."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from signalpy import ConfigError
from signalpy_notifications.errors import DeliveryFailed
from signalpy_notifications.secrecy import scheme_of, without_secrets
from signalpy_notifications.wording import Notice

if TYPE_CHECKING:
    from apprise import NotifyBase

TALKATIVE: Final = ("apprise", "urllib3.connectionpool")
"""Loggers that, at their lower levels, write whole request URLs: tokens stand in them."""


class Channel:
    """One destination of every notification. ``label`` is what may be said of it: its number and its scheme.

    :param number: position in the configuration, from 1.
    :param url: the Apprise URL; kept by Apprise, never shown.
    :param pace: seconds between two messages; what Apprise holds right for the service if ``None``.
    :raises ConfigError: if Apprise cannot use it; the message holds no part of it.
    """

    def __init__(self, number: int, url: str, *, pace: float | None = None) -> None:
        self.label = f"channel {number} ({scheme_of(url)})"
        self._url = url
        with _overheard() as words:
            service, reason = self._service()
        if service is None:
            told = without_secrets(reason or " ".join(words) or "it is unknown or disabled", url)
            raise ConfigError(f"[notifications] urls: {self.label} cannot be used: {told}", key="urls")
        if pace is not None:
            service.request_rate_per_sec = pace  # in spite of its name it is a time
        self._notify = service

    def __repr__(self) -> str:
        return f"<Channel {self.label}>"

    def send(self, notice: Notice) -> None:
        """Sends, and waits for the answer.

        :raises DeliveryFailed: if the service did not take it; says what Apprise says, without the URL.
        """
        with _overheard() as words:
            accepted, reason = self._sent(notice)
        if not accepted:
            told = without_secrets(reason or " ".join(words) or "the service did not accept it", self._url)
            raise DeliveryFailed(f"{self.label}: {told}", channel=self.label)

    def _service(self) -> tuple[NotifyBase | None, str]:
        from apprise import Apprise, AppriseAsset  # 0.2 s, and only those who set a URL need it

        asset = AppriseAsset(async_mode=False)
        try:
            return Apprise.instantiate(self._url, asset=asset, suppress_exceptions=False), ""
        except Exception as error:  # noqa: BLE001 - a hundred services, each with errors of its own
            return None, str(error)

    def _sent(self, notice: Notice) -> tuple[bool, str]:
        try:
            # "text": a service that shows HTML or Markdown gets the message escaped.
            return bool(self._notify.notify(body=notice.message, title=notice.title, body_format="text")), ""
        except Exception as error:  # noqa: BLE001 - see above; its text may hold anything, its type does not
            return False, f"failed with {type(error).__name__}"


class _Overhearing(logging.Filter):
    """Keeps from the log what this thread writes, and remembers it."""

    def __init__(self) -> None:
        super().__init__()
        self.thread = threading.get_ident()
        self.words: list[str] = []

    def filter(self, record: logging.LogRecord) -> bool:
        if record.thread != self.thread:
            return True
        if record.levelno >= logging.WARNING:
            self.words.append(record.getMessage())
        return False


@contextmanager
def _overheard() -> Iterator[list[str]]:
    """What Apprise warns of in this thread while the block runs; none of it reaches the log."""
    overhearing = _Overhearing()
    loggers = [logging.getLogger(name) for name in TALKATIVE]
    for logger in loggers:
        logger.addFilter(overhearing)
    try:
        yield overhearing.words
    finally:
        for logger in loggers:
            logger.removeFilter(overhearing)
