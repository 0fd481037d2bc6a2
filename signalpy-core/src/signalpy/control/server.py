"""Answering at the socket: who may enter, one request after the other, and nothing that a client does can hurt."""

from __future__ import annotations

import asyncio
import logging
import select
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

from signalpy.control.address import claim
from signalpy.control.errors import ControlError
from signalpy.control.peer import Peer, peer_of
from signalpy.control.protocol import MOST_ASKED, Request, problem_line, read_request, reply_line
from signalpy.errors import told

log = logging.getLogger("signalpy.control")

MOST_CONNECTIONS: Final = 32
IDLE: Final = 60.0
"""Seconds in which a whole request must have come."""
SEND: Final = 30.0
"""Seconds in which a client must take some of its reply."""
GONE: Final = 0.5
"""Seconds between two looks whether a client that has said all it has to say still waits for its answer."""


class Server:
    """Serves at one place.

    :param answer: does what a request asks and returns its result as plain JSON values. It is cancelled when the
        client is gone. What it raises is told to the client, as ``refusal`` words it.
    :param refusal: name, words of an exception, and whether it means that the answer is no.
    """

    def __init__(
        self,
        answer: Callable[[Request, Peer], Awaitable[Any]],
        refusal: Callable[[Exception], tuple[str, str, bool]],
    ) -> None:
        self._answer = answer
        self._refusal = refusal
        self._connections: set[asyncio.Task[None]] = set()
        self._serving: asyncio.Server | None = None
        self._release: Callable[[], None] = _nothing

    def __repr__(self) -> str:
        return f"<Server(serving={self._serving is not None}, connections={len(self._connections)})>"

    async def start(self, path: str) -> None:
        """Serves at ``path`` from now on.

        :raises ControlError: if that place cannot be taken.
        """
        address = claim(path)
        self._release = address.release
        try:
            self._serving = await asyncio.start_unix_server(self._connected, sock=address.listening, limit=MOST_ASKED)
        except BaseException:
            address.release()
            raise
        log.info("answering at %s", address.path)

    async def stop(self) -> None:
        """Lets nobody in any more, ends what is under way, and removes the socket."""
        serving, self._serving = self._serving, None
        if serving is None:
            return
        serving.close()
        self._release()
        ending = self._connections - {task for task in (asyncio.current_task(),) if task is not None}
        for task in ending:
            task.cancel()
        if ending:
            await asyncio.wait(ending, timeout=2)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - asyncio runs this as a task
        self._connections.add(task)
        try:
            peer = self._admitted(writer)
            await self._converse(reader, writer, peer)
        except ControlError as error:
            with suppress(ConnectionError, TimeoutError):  # who has hung up needs no reason
                await _send(writer, problem_line(type(error).__name__, str(error)))
        except (ConnectionError, TimeoutError) as error:
            log.debug("a connection ended: %s", told(error))
        except asyncio.CancelledError:
            log.debug("a connection was ended")
        finally:
            self._connections.discard(task)
            await _end(writer)

    def _admitted(self, writer: asyncio.StreamWriter) -> Peer:
        """:raises ControlError: if it may not enter."""
        peer = peer_of(writer.get_extra_info("socket"))
        if not peer.may_enter:
            log.warning("user %s (process %s) was not let in", peer.user, peer.pid)
            raise ControlError(f"{peer.user} may not enter: only the user of this process and root may.")
        if len(self._connections) > MOST_CONNECTIONS:
            raise ControlError(f"{MOST_CONNECTIONS} connections are open already. Close some first.")
        return peer

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: Peer) -> None:
        following = asyncio.create_task(_line(reader))
        try:
            while True:
                line = await asyncio.wait_for(following, IDLE)
                if line is None:
                    return
                following = asyncio.create_task(_line(reader))
                working = asyncio.create_task(self._reply(line, peer))
                try:
                    if not await _wanted(working, following, writer):
                        return
                    await _send(writer, working.result())
                finally:
                    working.cancel()
                    await asyncio.wait({working})
        finally:
            following.cancel()
            await asyncio.wait({following})
            if not following.cancelled():
                following.exception()

    async def _reply(self, line: bytes, peer: Peer) -> bytes:
        try:
            return reply_line(await self._answer(read_request(line), peer))
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a command raises is its answer
            kind, message, no = self._refusal(error)
            return problem_line(kind, message, no=no)


async def _line(reader: asyncio.StreamReader) -> bytes | None:
    """The next request; ``None`` at the end. Half a line at the end is none.

    :raises ControlError: if it is too long.
    """
    try:
        return await reader.readuntil(b"\n")
    except asyncio.IncompleteReadError:
        return None
    except asyncio.LimitOverrunError:
        raise ControlError(f"expected a line of at most {MOST_ASKED} bytes, found a longer one.") from None


async def _wanted(working: asyncio.Task[bytes], following: asyncio.Task[Any], writer: asyncio.StreamWriter) -> bool:
    """Returns when the work is done, with ``True``, or when its client is gone.

    One that has closed its own side, as ``nc`` does, still waits for the answer.
    """
    await asyncio.wait({working, following}, return_when=asyncio.FIRST_COMPLETED)
    while not working.done():
        if _hung_up(writer):
            return False
        await asyncio.wait({working}, timeout=GONE)
    return True


def _hung_up(writer: asyncio.StreamWriter) -> bool:
    found = writer.get_extra_info("socket")
    if writer.transport.is_closing() or found is None or found.fileno() < 0:
        return True
    poll = select.poll()
    poll.register(found.fileno(), 0)
    return any(event & (select.POLLHUP | select.POLLERR) for _, event in poll.poll(0))


async def _end(writer: asyncio.StreamWriter) -> None:
    """Closes; a client that takes nothing more is cut off."""
    writer.close()
    try:
        await asyncio.wait_for(writer.wait_closed(), GONE)
    except (OSError, asyncio.CancelledError):
        writer.transport.abort()


async def _send(writer: asyncio.StreamWriter, line: bytes) -> None:
    writer.write(line)
    await asyncio.wait_for(writer.drain(), SEND)


def _nothing() -> None:
    """Stands for the release of a place that is not taken."""
