"""Lines: what is queued is delivered or reported, and a channel that hangs delays nobody else."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextvars import ContextVar
from types import SimpleNamespace

import pytest

from signalpy_notifications.channel import Channel
from signalpy_notifications.delivery import Line
from signalpy_notifications.errors import DeliveryFailed
from signalpy_notifications.wording import Notice

WHO: ContextVar[str] = ContextVar("who")


class Reports(list[tuple[str, str, str]]):
    """Who was not told, why, and on whose behalf."""

    async def __call__(self, notice: Notice, failure: DeliveryFailed) -> None:
        self.append((notice.user, str(failure), WHO.get("nobody")))


@pytest.fixture
def reports() -> Reports:
    return Reports()


ABANDONING = """
import asyncio, sys
from signalpy_notifications.channel import Channel
from signalpy_notifications.delivery import Line
from signalpy_notifications.wording import Notice

async def report(notice, failure):
    print(failure)

async def main():
    line = Line(Channel(1, sys.argv[1]), timeout=0.2, size=10, report=report)
    worker = asyncio.create_task(line.run())
    await line.offer(Notice("bob", "hi"))
    await line.close(worker, 0.2)

asyncio.run(main())
"""


Start = Callable[..., tuple[Line, "asyncio.Task[None]"]]


@pytest.fixture
async def start(reports: Reports) -> AsyncIterator[Start]:
    """Opens a line to a URL, with its worker."""
    workers = []

    def opened(url: str, *, timeout: float = 10, size: int = 10) -> tuple[Line, "asyncio.Task[None]"]:
        line = Line(Channel(1, url, pace=0), timeout=timeout, size=size, report=reports)
        workers.append(asyncio.create_task(line.run()))
        return line, workers[-1]

    yield opened
    for worker in workers:
        worker.cancel()
    await asyncio.gather(*workers, return_exceptions=True)


async def test_an_offered_notice_is_delivered(start: Start, mailbox: SimpleNamespace, reports: Reports) -> None:
    """The outcome of a delivery that worked is no failure, and nothing is reported."""
    line, _ = start(mailbox.url)
    assert await line.offer(Notice("bob", "hi")) is None
    assert 1 == len(mailbox.taken)
    assert [] == reports


async def test_notices_arrive_in_order(start: Start, mailbox: SimpleNamespace) -> None:
    """A line delivers one after the other."""
    line, _ = start(mailbox.url)
    await asyncio.gather(*[line.offer(Notice(str(number), "hi")) for number in range(5)])
    assert [f"Notification for {number}" for number in range(5)] == [email["Subject"] for email in mailbox.taken]


async def test_a_failure_is_reported_on_behalf_of_the_sender(start: Start, refusing: str, reports: Reports) -> None:
    """A failed delivery is told to who waits, and reported in the context of who sent."""
    line, _ = start(refusing)
    WHO.set("alice")
    outcome = line.offer(Notice("bob", "hi"))
    WHO.set("somebody else")
    failure = await outcome
    await asyncio.sleep(0)
    assert isinstance(failure, DeliveryFailed)
    assert [("bob", str(failure), "alice")] == reports


async def test_a_server_that_hangs_costs_its_timeout(start: Start, hanging: str, reports: Reports) -> None:
    """A delivery without an answer fails at the timeout, and so does the next, without a second thread."""
    line, _ = start(hanging, timeout=0.2)
    failures = await asyncio.gather(line.offer(Notice("bob", "hi")), line.offer(Notice("eve", "hi")))
    await asyncio.sleep(0)
    assert ["channel 1 (mailto): no answer within 0.2 s"] * 2 == [str(failure) for failure in failures]
    assert ["bob", "eve"] == [user for user, _, _ in reports]
    assert 1 == sum(thread.name == "channel 1 (mailto)" for thread in threading.enumerate())


async def test_offering_never_waits(start: Start, hanging: str) -> None:
    """A full queue refuses at once, and says so."""
    line, _ = start(hanging, size=2)
    for _ in range(2):
        line.offer(Notice("bob", "hi"))
    with pytest.raises(DeliveryFailed, match="2 notifications wait already"):
        line.offer(Notice("bob", "hi"))


async def test_closing_delivers_what_waits(start: Start, mailbox: SimpleNamespace, reports: Reports) -> None:
    """A line that is closed has delivered everything that it took, and takes no more."""
    line, worker = start(mailbox.url)
    for number in range(3):
        line.offer(Notice(str(number), "hi"))
    await line.close(worker, 10)
    assert 3 == len(mailbox.taken)
    assert [] == reports
    with pytest.raises(DeliveryFailed, match="is stopping"):
        line.offer(Notice("late", "hi"))


async def test_closing_reports_what_it_could_not_deliver(start: Start, hanging: str, reports: Reports) -> None:
    """What hangs or still waits when the time is up is reported, each once, in the context of the stop."""
    line, worker = start(hanging)
    outcomes = [line.offer(Notice(str(number), "hi")) for number in range(3)]
    WHO.set("the stop")
    await line.close(worker, 0.2)
    told = "channel 1 (mailto): notifications stopped before it was delivered"
    assert [(str(number), told, "the stop") for number in range(3)] == reports
    assert [told] * 3 == [str(await outcome) for outcome in outcomes]
    assert worker.done()


def test_a_server_that_hangs_does_not_hold_the_process(hanging: str) -> None:
    """A process ends although a delivery still waits for a server, long before Apprise would give up."""
    command = [sys.executable, "-c", ABANDONING, hanging + "&cto=3600"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ("channel 1 (mailto): no answer within 0.2 s\n", 0) == (done.stdout, done.returncode), done.stderr
