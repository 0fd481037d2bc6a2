"""Append records through a writer whose device fills up in between, and print as JSON what was told and kept.

Arguments: the folder of the trail; "limit" (of file size, raised again) or "disk" (full until ballast is removed).
"""

import asyncio
import json
import resource
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec
import uuid_utils

from signalpy.errors import AuditUnavailable
from signalpy_audit_trail.draft import Draft
from signalpy_audit_trail.stores.file import FileReader, FileStore
from signalpy_audit_trail.writer import LogWriter

PADDING = "x" * 5000  # more than what is left in a file's last block


def record(number: int, **fields: object) -> Draft:
    id = str(uuid_utils.uuid7())
    body = {
        "id": id,
        "kind": "event",
        "action": "a",
        "outcome": "success",
        "data": {"n": number},
        "padding": PADDING,
        **fields,
    }
    return Draft(id=id, body=msgspec.json.encode(body))


def gap(start: datetime, end: datetime, cause: str, count: int, *, lost: int = 0) -> Draft:
    data = {"seconds": (end - start).total_seconds(), "cause": cause, "count": count, "lost": lost}
    return record(0, kind="gap", data=data)


def by_limit(root: Path) -> tuple[Callable[[], None], Callable[[], None]]:
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    return (
        lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard)),
        lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard)),
    )


def by_disk(root: Path) -> tuple[Callable[[], None], Callable[[], None]]:
    ballast = root.parent / "ballast"

    def fill() -> None:
        with ballast.open("wb", buffering=0) as file:
            for size in (1 << 16, 1):
                try:
                    while file.write(b"x" * size):
                        pass
                except OSError:
                    continue

    return fill, ballast.unlink


async def told(writer: LogWriter, number: int, **options: bool) -> str:
    try:
        receipt = await writer.append(record(number), **options)
    except AuditUnavailable as error:
        return f"{type(error).__name__}: {error.cause}"
    return f"seq {receipt.seq}"


async def main(root: Path, how: str) -> None:
    store = FileStore(root)
    writer = LogWriter(store, gap=gap, capacity=5, retry=0.1)
    fill, relieve = {"limit": by_limit, "disk": by_disk}[how](root)
    report: dict[str, object] = {"before": [await told(writer, 0), await told(writer, 1)]}
    fill()
    report["during"] = await asyncio.gather(*(told(writer, number) for number in (2, 3, 4)))
    report["refused"] = await told(writer, 100, refuse_when_failed=True)
    report["status"] = writer.status()
    reader = FileReader(root)
    report["readable"] = reader.size()
    report["more"] = await asyncio.gather(*(told(writer, number) for number in range(5, 12)))
    relieve()
    async with asyncio.timeout(20):
        while not writer.healthy:  # noqa: ASYNC110 (it is asked as anyone would ask)
            await asyncio.sleep(0.02)
    report["after"] = await told(writer, 12)
    await writer.close()
    report["records"] = [msgspec.json.decode(leaf) for _seq, leaf in reader.leaves()]
    reader.close()
    store.close()
    sys.stdout.write(json.dumps(report, default=str))


asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
