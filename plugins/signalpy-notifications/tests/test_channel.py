"""Channels: real e-mail on loopback, what a refusal says, and that no part of a URL is ever shown."""

import logging
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from email.message import EmailMessage
from types import SimpleNamespace
from typing import Any

import pytest
from apprise import NotificationManager
from apprise.decorators import notify

from signalpy import ConfigError
from signalpy_notifications.channel import Channel
from signalpy_notifications.errors import DeliveryFailed
from signalpy_notifications.wording import Notice

NOTICE = Notice("bob", "You received $150.00 from alice")


def body(email: EmailMessage, kind: str) -> str:
    part = email.get_body((kind,))
    assert part is not None
    text: str = part.get_content()
    return text.strip()


def shown(error: BaseException, caplog: pytest.LogCaptureFixture) -> str:
    """All that a person or a log gets to see of an error."""
    return "\n".join([caplog.text, repr(error), *traceback.format_exception(error)])


def test_a_notice_arrives(mailbox: SimpleNamespace) -> None:
    """An e-mail carries who is told in its subject and the message as its text."""
    Channel(1, mailbox.url).send(NOTICE)
    (email,) = mailbox.taken
    assert "Notification for bob" == email["Subject"]
    assert NOTICE.message == body(email, "plain")


def test_a_message_is_text(mailbox: SimpleNamespace) -> None:
    """Markup in a message arrives as it was written, not as markup."""
    Channel(1, mailbox.url).send(Notice("bob", "<b>5 < 6</b>"))
    (email,) = mailbox.taken
    assert ["text/plain", "<b>5 < 6</b>"] == [email.get_content_type(), body(email, "plain")]


def test_a_refused_connection_is_told_without_the_url(
    refusing: str, secret: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The error says what and which channel; neither it nor the most talkative log holds a part of the URL."""
    caplog.set_level(logging.DEBUG)
    channel = Channel(3, refusing)
    with pytest.raises(DeliveryFailed, match=r"^channel 3 \(mailto\): Connection error") as failure:
        channel.send(NOTICE)
    seen = shown(failure.value, caplog) + repr(channel)
    assert not [part for part in (secret, "anna", "127.0.0.1", "ops@example.com") if part in seen]


@pytest.mark.parametrize(
    "url",
    [
        "mailto://anna:hunter2-s3cret@",
        "mailto://anna:hunter2-s3cret@mail?to=nobody",
        "nosuch://anna:hunter2-s3cret@host",
        "tgram://hunter2-s3cret",
        "slack://hunter2-s3cret",
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_it(
    url: str, secret: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A bad URL is a configuration error that names the channel, and nothing of the URL but its scheme is shown."""
    caplog.set_level(logging.DEBUG)
    with pytest.raises(ConfigError, match=rf"channel 2 \({url.partition(':')[0]}\) cannot be used: \S") as error:
        Channel(2, url)
    seen = shown(error.value, caplog)
    assert secret not in seen
    assert "anna" not in seen


def test_the_log_of_others_is_left_alone(refusing: str, caplog: pytest.LogCaptureFixture) -> None:
    """What an application logs through Apprise's logger, outside of a delivery, still appears."""
    channel = Channel(1, refusing)
    with pytest.raises(DeliveryFailed):
        channel.send(NOTICE)
    logging.getLogger("apprise").warning("from the application")
    assert ["from the application"] == [record.getMessage() for record in caplog.records]


@pytest.fixture
def breaking() -> Iterator[str]:
    """The URL of a service that breaks, and writes to Apprise's log from two threads."""

    @notify(on="breaking", name="Breaking")
    def broken(body: str, title: str, *args: Any, **kwargs: Any) -> bool:
        log = logging.getLogger("apprise")
        other = threading.Thread(target=log.warning, args=("from another thread",))
        other.start()
        other.join()
        log.warning("cannot reach hunter2-s3cret")
        return False

    yield "breaking://hunter2-s3cret"
    NotificationManager().remove("breaking")


def test_only_what_belongs_to_a_delivery_is_kept_back(
    breaking: str, secret: str, caplog: pytest.LogCaptureFixture
) -> None:
    """While a message is sent, what other threads log still appears, and what this one warns of is told masked."""
    channel = Channel(1, breaking)
    with pytest.raises(DeliveryFailed, match=r"channel 1 \(breaking\): .*cannot reach \*\*\*"):
        channel.send(NOTICE)
    assert ["from another thread"] == [record.getMessage() for record in caplog.records]
    assert secret not in caplog.text


def test_apprise_is_imported_only_for_a_channel() -> None:
    """Who sets no URL does not pay for Apprise."""
    code = "import sys, signalpy_notifications.service; print('apprise' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ("False\n", 0) == (done.stdout, done.returncode), done.stderr
