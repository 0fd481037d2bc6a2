"""Where the rows of an export that goes on are sent. A sink has taken a batch when `send` returns, not before."""

from __future__ import annotations

import fcntl
import http.client
import os
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self
from urllib.parse import urlsplit

from signalpy.errors import ConfigError
from signalpy_audit_trail.export.formats.contract import Format, Lines

TIMEOUT: Final = 30.0
"""Seconds that a collector may take to answer."""
_TOKEN: Final = re.compile(r"[!-~]+")
"""What stands in a header as it is (RFC 9110, section 5.5)."""


class NotTaken(OSError):
    """A sink did not take a batch; the message says why, and whether trying again may help stands in ``retry``."""

    def __init__(self, message: str, *, retry: bool) -> None:
        super().__init__(message)
        self.retry = retry


class Sink(Protocol):
    """Takes batches of rows, in order."""

    def send(self, rows: Sequence[bytes]) -> None:
        """Hand over a batch.

        :raises NotTaken: it may have been taken in part or not at all; the same batch is to be sent again.
        """

    def close(self) -> None:
        """Let go of everything."""


class FileSink:
    """Appends rows to a file (mode 0600), durably. A row that a crash cut off is removed first: it comes again.

    :raises ConfigError: the file holds something else than rows of this format, or another export writes to it; it is
        left as it is.
    """

    def __init__(self, path: Path, form: Lines) -> None:
        self._path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            self._hold()
            self._refuse_foreign(form)
            end = self._whole(os.fstat(self._file).st_size)
            os.ftruncate(self._file, end)
            if end == 0:
                self._append(form.head)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def send(self, rows: Sequence[bytes]) -> None:
        """Append, and sync; what could not be written as a whole is taken back."""
        end = os.fstat(self._file).st_size
        try:
            self._append(b"".join(rows))
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._file, end)
            raise NotTaken(f"{self._path}: {error.strerror}", retry=True) from error

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _append(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._file, view) :]
        os.fsync(self._file)

    def _hold(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            problem = "another export writes to this file; give another one"
            raise ConfigError(f"{self._path}: {problem}", key="output") from None

    def _refuse_foreign(self, form: Lines) -> None:
        expected = form.head or form.start
        found = os.pread(self._file, len(expected), 0)
        if found != expected[: len(found)]:
            problem = f"it does not begin as an export in {form.name}, so that nothing is appended"
            raise ConfigError(f"{self._path}: {problem}; give another file", key="output")

    def _whole(self, size: int) -> int:
        """Where the last whole row ends."""
        end = size
        while end:
            start = max(0, end - (1 << 16))
            found = os.pread(self._file, end - start, start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            end = start
        return 0


class StreamSink:
    """Writes rows to standard output. That the reader of the pipe has them is for the reader to see to."""

    def __init__(self, form: Lines, *, begin: bool) -> None:
        if begin:
            self.send([form.head])

    def send(self, rows: Sequence[bytes]) -> None:
        """Write, and flush."""
        try:
            sys.stdout.buffer.write(b"".join(rows))
            sys.stdout.buffer.flush()
        except OSError as error:
            raise NotTaken(f"standard output: {error.strerror}", retry=False) from error

    def close(self) -> None:
        """Leave standard output open."""


class HttpSink:
    """Posts batches to a collector, which has taken one when it answers 2xx.

    :param url: ``http://…`` or ``https://…``.
    :param token: sent as ``Authorization: Bearer …``.
    :raises ConfigError: the URL is none of a collector, or the token cannot stand in a header.
    """

    def __init__(self, url: str, form: Format, token: str | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
            raise ConfigError("--to: expected http://HOST… or https://HOST…, without user and password", key="to")
        if token is not None and _TOKEN.fullmatch(token) is None:
            raise ConfigError("--token-env: expected a token of printable ASCII without spaces", key="token-env")
        self._url = url
        self._form = form
        self._place = f"{parts.scheme}://{parts.hostname}"
        self._headers = {"Content-Type": form.media_type, "User-Agent": "signalpy-audit-trail"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"
        self._opener = urllib.request.build_opener(_NoRedirect)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}({self._place})>"

    def send(self, rows: Sequence[bytes]) -> None:
        """Post, and wait for the answer."""
        request = urllib.request.Request(  # noqa: S310 - the scheme is checked
            self._url, data=self._form.batch(rows), headers=self._headers, method="POST"
        )
        try:
            with self._opener.open(request, timeout=TIMEOUT) as answer:
                answer.read(1)
        except urllib.error.HTTPError as error:
            error.close()
            again = error.code >= 500 or error.code in (408, 425, 429)
            raise NotTaken(f"{self._place} answered {error.code} {error.reason}", retry=again) from None
        except (OSError, ValueError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or type(error).__name__
            raise NotTaken(f"{self._place} cannot be reached: {reason}", retry=True) from None

    def close(self) -> None:
        """Nothing is held."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """What is sent, and the token, go to the collector that was named and to no other."""

    def redirect_request(self, *args: object, **kwargs: object) -> None:
        return None
