"""A process that helps to verify: ``python -m signalpy_audit_trail.verification.helper``.

One JSON value a line. It reads a `Trail`, then tasks, and writes for each what it did meanwhile (numbers) and at last
what it found. Where it cannot go on, it ends: whoever started it does the rest.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from typing import BinaryIO

import msgspec

from signalpy_audit_trail.store import StoreError
from signalpy_audit_trail.stores import open_reader
from signalpy_audit_trail.verification.work import Task, do


class Trail(msgspec.Struct, frozen=True):
    """Which trail is to be verified.

    :param origin: what it must say of itself, if it is the one that was meant.
    :param index: where its index is, if not at the store's own place.
    """

    url: str
    origin: str
    index: str | None


def serve(asked: BinaryIO, told: BinaryIO) -> None:
    """Do tasks as they are asked for, until no more are.

    :raises StoreError: the trail cannot be read from here.
    """
    trail = msgspec.json.decode(asked.readline(), type=Trail)
    reader = open_reader(trail.url, index=trail.index)
    try:
        if reader.origin != trail.origin:
            return

        def tell(value: object) -> None:
            told.write(msgspec.json.encode(value) + b"\n")
            told.flush()

        decode = msgspec.json.Decoder(Task).decode
        for line in asked:
            tell(do(decode(line), reader, tell))
    finally:
        reader.close()


def main() -> None:
    """Serve on stdin and stdout; what else is printed goes to stderr."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends it to all; the one who started this decides
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # in order, so that nothing temporary is left behind
    gc.set_threshold(100_000)  # what is made here by the thousand are lists and tuples without cycles
    told = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        serve(sys.stdin.buffer, told)
    except (StoreError, BrokenPipeError):
        sys.exit(1)


if __name__ == "__main__":
    main()
