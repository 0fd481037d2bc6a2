"""The component ``notifications``: tells users, and whoever received a transfer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from signalpy import Publication, Runtime, component, lifecycle, requires, runnable, subscribe
from signalpy_notifications.channel import Channel
from signalpy_notifications.delivery import Line, Outcome
from signalpy_notifications.errors import DeliveryFailed
from signalpy_notifications.events import NotificationFailed
from signalpy_notifications.params import SendParams
from signalpy_notifications.repeats import Recent
from signalpy_notifications.settings import NotificationSettings
from signalpy_notifications.wording import Notice, of_transfer

REMEMBERED: Final = 10_000
"""How many events with an id are remembered, to know a repeat."""


@component(
    "notifications", version="1.0", depends=["config"], settings=NotificationSettings, emits=["notification.failed"]
)
@requires(config="IConfig")
class NotificationService:
    """Tells users over every configured channel, or in memory only where there is none.

    ``sent`` holds the latest notifications as ``"user: message"``, oldest first. What a channel did not take is
    logged and published as ``notification.failed``; it reaches neither the transfer nor the other channels.
    """

    rt: Runtime
    sent: list[str]

    @lifecycle.activate
    async def activate(self) -> None:
        """Makes the channels ready.

        :raises ConfigError: for a URL that Apprise cannot use; it shows no part of it.
        """
        self.sent = []
        self._told = Recent(REMEMBERED)
        settings = self._settings
        channels = await asyncio.to_thread(_channels, settings) if settings.urls else []
        self._lines = [
            Line(channel, timeout=settings.timeout, size=settings.queue_size, report=self._report)
            for channel in channels
        ]
        self._workers = [self.rt.create_task(line.run(), name=repr(line)) for line in self._lines]

    @lifecycle.deactivate
    async def deactivate(self) -> None:
        """Lets the queues drain."""
        drain = self._settings.drain
        await asyncio.gather(
            *(line.close(worker, drain) for line, worker in zip(self._lines, self._workers, strict=True))
        )

    @runnable("send", params=SendParams, description="Send a message to a user")
    async def send(self, params: SendParams) -> dict[str, Any]:
        """``{"sent": True}``, ``{"queued": True}`` if it does not wait, or ``{"error": …}`` naming the channels."""
        notice = Notice(params.user, params.message)
        accepted, failures = self._offered(notice)
        if params.wait:
            failures += [failure for failure in await asyncio.gather(*accepted) if failure is not None]
        if not self._lines or len(failures) < len(self._lines):
            self._keep(notice)
        if failures:
            return {"error": "; ".join(map(str, failures))}
        return {"sent": True} if params.wait or not self._lines else {"queued": True}

    @subscribe("account.transfer", description="Tells whoever received a transfer")
    async def on_transfer(self, event_type: str, data: Any, event: Publication) -> None:
        """Hands the notice over and returns; a failing channel never holds the publisher up.

        :raises MalformedTransfer: for a payload that does not tell who received how much; a dead letter.
        :raises DeliveryFailed: if a channel's queue is full; a dead letter.
        """
        if event.outcome != "success":
            return
        notice = of_transfer(data)
        repeat = (event.caller, event.id, notice)
        if event.id is not None and not self._told.add(repeat):
            return
        try:
            params = {"user": notice.user, "message": notice.message, "wait": False}
            _raise_failure(await self.rt.invoke("notifications.send", params))
        except BaseException:
            self._told.discard(repeat)
            raise

    def _offered(self, notice: Notice) -> tuple[list[Outcome], list[DeliveryFailed]]:
        accepted, failures = [], []
        for line in self._lines:
            try:
                accepted.append(line.offer(notice))
            except DeliveryFailed as failure:
                failures.append(failure)
        return accepted, failures

    def _keep(self, notice: Notice) -> None:
        self.sent.append(str(notice))
        del self.sent[: -self._settings.keep]

    async def _report(self, notice: Notice, failure: DeliveryFailed) -> None:
        self.rt.log.error("the notification to %r was not delivered: %s", notice.user, failure)
        try:
            await self.rt.publish(
                NotificationFailed(user=notice.user, channel=failure.channel),
                subject=notice.user,
                outcome="failure",
                error={"type": type(failure).__name__, "message": str(failure)},
            )
        except Exception as error:  # noqa: BLE001 - the failure is in the log; the worker has others to deliver
            self.rt.log.warning("notification.failed was not published: %s", error)

    @property
    def _settings(self) -> NotificationSettings:
        settings: NotificationSettings = self.rt.settings
        return settings


def _channels(settings: NotificationSettings) -> list[Channel]:
    numbered = enumerate(settings.urls, start=1)
    return [Channel(number, url.get_secret_value(), pace=settings.pace) for number, url in numbered]


def _raise_failure(result: Mapping[str, Any]) -> None:
    if "error" in result:
        raise DeliveryFailed(str(result["error"]), channel=None)
