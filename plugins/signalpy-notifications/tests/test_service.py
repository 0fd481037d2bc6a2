"""The component on a running kernel: who is told, over which channel, and what happens when one fails."""

import asyncio
import logging
from types import SimpleNamespace
from typing import Any

import pytest

from signalpy import InvalidParams, Kernel, Publication, State, component, hookimpl, subscribe
from signalpy_notifications import NotificationService, NotificationSettings

TRANSFER = {"from": "alice", "to": "bob", "amount": 150.0}
TOLD = "bob: You received $150.00 from alice"


@component("witness", version="1.0")
class Witness:
    """Hears of failures, and collects dead letters."""

    def __init__(self) -> None:
        self.failed: list[Publication] = []
        self.dead: list[tuple[str, str]] = []
        self.news = asyncio.Event()

    @subscribe("notification.failed")
    def on_failed(self, event_type: str, data: Any, event: Publication) -> None:
        self.failed.append(event)
        self.news.set()

    @hookimpl
    def signalpy_dead_letter(self, event: Publication, component: str, error: BaseException) -> None:
        self.dead.append((component, str(error)))


def kernel_with(*urls: str, **settings: Any) -> Kernel:
    table = {"urls": list(urls), "pace": 0, **settings}
    kernel = Kernel(config={"notifications": table if urls or settings else {}})
    kernel.discover([NotificationService, Witness])
    return kernel


async def send(kernel: Kernel, **params: Any) -> Any:
    return await kernel.bus.invoke("notifications.send", {"user": "bob", "message": "hi", **params})


async def heard_of_failure(kernel: Kernel) -> Publication:
    async with asyncio.timeout(10):
        await kernel.get("witness").news.wait()
    event: Publication = kernel.get("witness").failed[0]
    return event


async def test_a_receiver_is_told_before_publish_returns() -> None:
    """Without a channel, a transfer's receiver has been told as soon as its event was published."""
    async with kernel_with() as kernel:
        await kernel.bus.publish("account.transfer", TRANSFER)
        assert [TOLD] == kernel.get("notifications").sent
        assert {"sent": True} == await send(kernel)
        assert [TOLD, "bob: hi"] == kernel.get("notifications").sent


async def test_a_notice_goes_over_the_bus() -> None:
    """The notice of a transfer is a call of notifications.send by notifications, caused by the event."""
    seen = []

    class Seeing:
        @hookimpl(targets=["notifications.send"])
        async def signalpy_invoke(self, call: Any, proceed: Any) -> Any:
            seen.append((call.caller, call.params.user, call.params.message, call.actor))
            return await proceed()

    async with kernel_with() as kernel:
        kernel.hooks.register(Seeing())
        await kernel.bus.publish("account.transfer", TRANSFER, actor="alice")
    assert [("notifications", "bob", "You received $150.00 from alice", "alice")] == seen


async def test_an_email_arrives(mailbox: SimpleNamespace) -> None:
    """With a channel, a transfer's receiver is told by e-mail, at the latest when the kernel has stopped."""
    async with kernel_with(mailbox.url) as kernel:
        await kernel.bus.publish("account.transfer", TRANSFER)
        notifications = kernel.get("notifications")
        assert [TOLD] == notifications.sent
    assert ["Notification for bob"] == [email["Subject"] for email in mailbox.taken]


async def test_send_waits_for_the_channels(mailbox: SimpleNamespace) -> None:
    """Who sends has the e-mail delivered when the call returns, or, without waiting, some time later."""
    async with kernel_with(mailbox.url) as kernel:
        assert {"sent": True} == await send(kernel)
        assert 1 == len(mailbox.taken)
        assert {"queued": True} == await send(kernel, wait=False)
    assert 2 == len(mailbox.taken)


async def test_a_failing_channel_is_reported_and_blocks_nobody(
    refusing: str, mailbox: SimpleNamespace, secret: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A refused connection is logged and published on behalf of the sender; other channels deliver, nothing leaks."""
    caplog.set_level(logging.DEBUG)
    async with kernel_with(refusing, mailbox.url) as kernel:
        await kernel.bus.publish("account.transfer", TRANSFER, actor="alice")
        assert [TOLD] == kernel.get("notifications").sent
        event = await heard_of_failure(kernel)
    assert {"user": "bob", "channel": "channel 1 (mailto)"} == event.data
    assert "notification.failed/v1" == event.schema
    assert ("alice", "failure", ("bob",)) == (event.actor, event.outcome, event.subject)
    assert event.error["message"].startswith("channel 1 (mailto): Connection error")
    assert 1 == len(mailbox.taken)
    (line,) = [record for record in caplog.records if record.name == "signalpy.component.notifications"]
    assert logging.ERROR == line.levelno
    assert "'bob' was not delivered: channel 1 (mailto)" in line.getMessage()
    assert secret not in caplog.text + repr(event.error)


async def test_send_tells_what_failed(refusing: str, mailbox: SimpleNamespace) -> None:
    """Who waits for the channels is told which of them did not deliver."""
    async with kernel_with(refusing, mailbox.url) as kernel:
        result = await send(kernel)
        assert ["error"] == list(result)
        assert result["error"].startswith("channel 1 (mailto): Connection error")
        assert ["bob: hi"] == kernel.get("notifications").sent
    async with kernel_with(refusing) as kernel:
        assert "error" in await send(kernel)
        assert [] == kernel.get("notifications").sent


async def test_a_failure_that_may_not_be_published_is_still_logged(
    refusing: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A policy that keeps notification.failed back leaves the line in the log, and the next notification is tried."""
    kernel = kernel_with(refusing)
    kernel.set_policy("notifications", {"publish_deny": ["*"]})
    async with kernel:
        for _ in range(2):
            assert "error" in await send(kernel)
    assert 2 == caplog.text.count("was not delivered: channel 1 (mailto)")
    assert 2 == caplog.text.count("notification.failed was not published")


async def test_a_server_that_hangs_is_told_at_its_timeout(hanging: str) -> None:
    """A delivery without an answer is published as failed when its time is up."""
    async with kernel_with(hanging, timeout=0.3) as kernel:
        await kernel.bus.publish("account.transfer", TRANSFER)
        event = await heard_of_failure(kernel)
        assert "channel 1 (mailto): no answer within 0.3 s" == event.error["message"]


async def test_a_server_that_hangs_blocks_nobody(hanging: str, mailbox: SimpleNamespace) -> None:
    """While one server hangs, publishers go on and the other channel delivers; the stop tells what hung."""
    async with kernel_with(hanging, mailbox.url, timeout=600, drain=0.2) as kernel:
        for _ in range(3):
            await kernel.bus.publish("account.transfer", TRANSFER)
        witness = kernel.get("witness")
        assert [TOLD] * 3 == kernel.get("notifications").sent
        assert [] == witness.failed
        await asyncio.to_thread(mailbox.wait_for, 3)
    told = "channel 1 (mailto): notifications stopped before it was delivered"
    assert [told] * 3 == [event.error["message"] for event in witness.failed]


async def test_a_full_queue_is_a_dead_letter(hanging: str) -> None:
    """When a channel's queue is full, an event is a dead letter at once, and the publisher does not wait."""
    async with kernel_with(hanging, queue_size=1, drain=0) as kernel:
        for _ in range(3):
            await kernel.bus.publish("account.transfer", TRANSFER)
            await asyncio.sleep(0)
        assert [("notifications", "channel 1 (mailto): 1 notifications wait already")] == kernel.get("witness").dead


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"from": "alice", "to": "bob"}, "expected a number above 0 as 'amount', found none"),
        ({"from": "alice", "to": "bob", "amount": "150"}, "found an unfit value of type str"),
        ({"from": "alice", "amount": 1}, "expected a name as 'to', found none"),
        ({}, "expected a name as 'from', found none"),
    ],
)
async def test_an_odd_transfer_is_a_dead_letter(data: dict[str, Any], told: str) -> None:
    """Somebody else's account.transfer that tells too little is a dead letter that says what is missing."""
    async with kernel_with() as kernel:
        await kernel.bus.publish("account.transfer", data)
        (letter,) = kernel.get("witness").dead
        assert "notifications" == letter[0]
        assert told in letter[1]
        assert [] == kernel.get("notifications").sent


async def test_a_transfer_that_failed_is_not_announced() -> None:
    """An event that tells of a failed transfer tells nobody that money came."""
    async with kernel_with() as kernel:
        await kernel.bus.publish("account.transfer", TRANSFER, outcome="failure")
        assert [] == kernel.get("notifications").sent
        assert [] == kernel.get("witness").dead


async def test_a_repeated_delivery_is_told_once() -> None:
    """An event that comes again under its id is told once; without an id, or with other data, it is another one."""
    async with kernel_with() as kernel:
        for id in ("1", "1", "2", None, None):
            await kernel.bus.publish("account.transfer", TRANSFER, id=id)
        await kernel.bus.publish("account.transfer", {**TRANSFER, "amount": 1}, id="1")
        assert [*[TOLD] * 4, "bob: You received $1.00 from alice"] == kernel.get("notifications").sent


async def test_the_list_of_sent_is_bounded() -> None:
    """Only the latest notifications are kept."""
    async with kernel_with(keep=3) as kernel:
        for number in range(10):
            await send(kernel, message=str(number))
        assert ["bob: 7", "bob: 8", "bob: 9"] == kernel.get("notifications").sent


@pytest.mark.parametrize("params", [{"user": ""}, {"message": ""}, {"user": 1}, {"wait": "yes"}, {"to": "bob"}])
async def test_what_is_no_message_is_invalid(params: dict[str, Any]) -> None:
    """A user or message that is empty or of another type, and an unknown field, are errors of the caller."""
    async with kernel_with() as kernel:
        with pytest.raises(InvalidParams):
            await send(kernel, **params)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"urls": ["nosuch://anna:hunter2-s3cret@host"]}, "channel 1 (nosuch) cannot be used"),
        ({"urls": ["json://localhost", "hunter2-s3cret"]}, "urls: number 2 is no URL"),
        ({"urls": "mailto://anna:hunter2-s3cret@host"}, "urls"),
        ({"urls": [["hunter2-s3cret"]]}, "urls"),
        ({"pace": 20}, "pace (20 s) must be less than timeout (15 s)"),
        ({"url": ["x"]}, "urls"),
    ],
)
async def test_a_wrong_configuration_is_told_without_its_secrets(
    settings: dict[str, Any], told: str, secret: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The component fails with the key and the reason, the others run, and no part of a URL is shown anywhere."""
    caplog.set_level(logging.DEBUG)
    kernel = Kernel(config={"notifications": settings})
    kernel.discover([NotificationService, Witness])
    async with kernel:
        why = kernel.why("notifications")
        states = {plugin.name: plugin.state for plugin in kernel.plugins()}
    assert told in why
    assert {"notifications": State.FAILED, "witness": State.ACTIVE, "config": State.ACTIVE} == states
    assert secret not in why + caplog.text


def test_settings_do_not_show_their_urls(refusing: str, secret: str) -> None:
    """Neither the text nor the JSON of the settings holds a URL."""
    settings = NotificationSettings(urls=(refusing,))  # type: ignore[arg-type]
    assert secret not in f"{settings!r} {settings} {settings.model_dump_json()} {settings.model_dump()}"
