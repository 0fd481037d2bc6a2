"""Real servers on loopback: one that takes e-mail, one that never answers, and a port where nobody listens."""

import socket
import threading
import warnings
from collections.abc import Iterator
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from types import SimpleNamespace

import apprise
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

with warnings.catch_warnings():
    # Apprise imports all its services at first use, and one of them a module that Python 3.11 calls deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    apprise.Apprise.instantiate("json://localhost")

LOOPBACK = "127.0.0.1"


def unused_port() -> int:
    with socket.create_server((LOOPBACK, 0)) as server:
        port: int = server.getsockname()[1]
    return port


class Taking:
    """What an SMTP server does with an e-mail: it keeps it."""

    def __init__(self) -> None:
        self.taken: list[EmailMessage] = []
        self.more = threading.Condition()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - so it is called
        assert isinstance(envelope.content, bytes)
        with self.more:
            self.taken.append(BytesParser(EmailMessage, policy=default).parsebytes(envelope.content))
            self.more.notify_all()
        return "250 OK"

    def wait_for(self, count: int) -> None:
        with self.more:
            assert self.more.wait_for(lambda: len(self.taken) >= count, timeout=60)


@pytest.fixture
def secret() -> str:
    """The password in the URLs of the servers that take nothing."""
    return "hunter2-s3cret"


@pytest.fixture
def mailbox() -> Iterator[SimpleNamespace]:
    """A running SMTP server: its ``url``, the e-mails that it has ``taken``, and ``wait_for`` so many."""
    handler = Taking()
    port = unused_port()
    controller = Controller(handler, hostname=LOOPBACK, port=port)
    controller.start()
    url = f"mailto://{LOOPBACK}:{port}?to=ops@example.com&from=bank@example.com"
    yield SimpleNamespace(url=url, taken=handler.taken, wait_for=handler.wait_for)
    controller.stop()


@pytest.fixture
def refusing(secret: str) -> str:
    """The URL of a port where nobody listens."""
    return f"mailto://anna:{secret}@{LOOPBACK}:{unused_port()}?to=ops@example.com&from=bank@example.com"


@pytest.fixture
def hanging(secret: str) -> Iterator[str]:
    """The URL of a server that takes connections and never says a word."""
    with socket.create_server((LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
        yield f"mailto://anna:{secret}@{LOOPBACK}:{port}?to=ops@example.com&from=bank@example.com"
