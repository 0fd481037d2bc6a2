"""The component on a running kernel."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from signalpy import AuditUnavailable, InvalidParams, Kernel, Publication, component, hookimpl, subscribe
from signalpy_cloudtrail import CloudTrail, PathNotFoundError, ReplayParams
from signalpy_cloudtrail.tally import SHOWN

TIME = "2023-07-10T11:42:18Z"


@component("witness", version="1")
class Witness:
    def __init__(self) -> None:
        self.seen: list[Publication] = []
        self.first = asyncio.Event()

    @subscribe("aws.*")
    def on_event(self, event_type: str, data: Any, event: Publication) -> None:
        self.seen.append(event)
        self.first.set()


@pytest.fixture
async def kernel() -> AsyncIterator[Kernel]:
    kernel = Kernel()
    kernel.discover([CloudTrail, Witness])
    async with kernel:
        yield kernel


def record(number: int, **fields: Any) -> dict[str, Any]:
    named = {"eventSource": "iam.amazonaws.com", "eventName": "GetUser", "eventID": f"E{number}", "eventTime": TIME}
    return named | fields


def write(path: Path, *records: Any) -> Path:
    path.write_text(json.dumps({"Records": records}))
    return path


async def replay(kernel: Kernel, path: Path, actor: str | None = None) -> dict[str, Any]:
    answer: dict[str, Any] = await kernel.bus.invoke("cloudtrail.replay", {"path": str(path)}, actor=actor)
    return answer


def seen(kernel: Kernel) -> list[Publication]:
    events: list[Publication] = kernel.get("witness").seen
    return events


def counts(**given: int) -> dict[str, int]:
    return dict.fromkeys(("records", "published", "failed", "files", "unread", "ignored"), 0) | given


async def test_an_event_says_what_its_record_says(kernel: Kernel, tmp_path: Path) -> None:
    """Every keyword of the event comes from the record, and the payload is the record."""
    whole = record(
        1,
        userIdentity={"type": "IAMUser", "arn": "arn:aws:iam::1:user/ann"},
        sourceIPAddress="192.0.2.7",
        errorCode="NoSuchEntity",
        errorMessage="not found",
        resources=[{"ARN": "arn:aws:iam::1:user/bob"}],
    )
    assert await replay(kernel, write(tmp_path / "a.json", whole)) == counts(records=1, published=1, files=1)
    (event,) = seen(kernel)
    assert event.event_type == "aws.iam.GetUser"
    assert event.data == whole
    assert (event.actor, event.caller) == ("arn:aws:iam::1:user/ann", "cloudtrail")
    assert event.client == {"ip": "192.0.2.7"}
    assert event.subject == ("arn:aws:iam::1:user/bob",)
    assert (event.outcome, event.error) == ("failure", {"type": "NoSuchEntity", "message": "not found"})
    assert event.occurred_at is not None
    assert event.occurred_at.isoformat() == "2023-07-10T11:42:18+00:00"
    assert event.id == "E1"


async def test_nobody_is_not_the_one_who_replays(kernel: Kernel, tmp_path: Path) -> None:
    """A record without an identity is not put down to the person who replays it, but belongs to the replay."""
    await replay(kernel, write(tmp_path / "a.json", record(1), record(2)), actor="auditor")
    first, second = seen(kernel)
    assert (first.actor, first.client) == (None, {})
    assert first.causation_id is not None
    assert (first.causation_id, first.correlation_id) == (second.causation_id, second.correlation_id)


async def test_files_and_records_keep_their_order(kernel: Kernel, tmp_path: Path) -> None:
    """Records come in the order of the files' names and of each file, however many there are."""
    write(tmp_path / "b.json", *(record(number) for number in range(200, 300)))
    whole = json.dumps({"Records": [record(number) for number in range(200)]}).encode()
    (tmp_path / "a.json.gz").write_bytes(gzip.compress(whole))
    (tmp_path / "c.jsonl").write_text("\n".join(json.dumps(record(number)) for number in range(300, 310)))
    (tmp_path / "README.md").write_text("no records")
    assert await replay(kernel, tmp_path) == counts(records=310, published=310, files=3, ignored=1)
    assert [event.id for event in seen(kernel)] == [f"E{number}" for number in range(310)]


async def test_records_without_ids(kernel: Kernel, tmp_path: Path) -> None:
    """Records without eventID get one from file and place, which tells them apart and is the same at each replay."""
    same = record(1, eventID=None)
    for _ in range(2):
        await replay(kernel, write(tmp_path / "old.json", same, same))
    assert [event.id for event in seen(kernel)] == ["old.json#1", "old.json#2"] * 2


async def test_bad_records(kernel: Kernel, tmp_path: Path) -> None:
    """What is no record is counted and told with its place; the others are published."""
    file = write(tmp_path / "a.json", record(1), ["x"], None, {"eventName": "NoTime"}, record(5))
    answer = await replay(kernel, file)
    assert answer | counts(records=5, published=2, failed=3, files=1) == answer
    assert [event.id for event in seen(kernel)] == ["E1", "E5"]
    assert [(problem["file"], problem["record"]) for problem in answer["problems"]] == [
        (str(file), n) for n in (2, 3, 4)
    ]
    assert answer["error"].startswith(
        f"3 of 5 records were not published, first {file}, record 2: expected a CloudTrail"
    )
    assert "\n" not in answer["error"]


async def test_bad_files(kernel: Kernel, tmp_path: Path) -> None:
    """A file that is no JSON or is cut off is told; what came before the cut and the other files are published."""
    (tmp_path / "a.json").write_text("<html>no such key</html>")
    whole = gzip.compress(json.dumps({"Records": [record(number) for number in range(20_000)]}).encode())
    (tmp_path / "b.json.gz").write_bytes(whole[: len(whole) // 2])
    write(tmp_path / "c.json", record(99_999))
    answer = await replay(kernel, tmp_path)
    published = len(seen(kernel))
    assert published > 1000
    assert answer | counts(records=published, published=published, files=3, unread=2) == answer
    assert [Path(problem["file"]).name for problem in answer["problems"]] == ["a.json", "b.json.gz"]
    assert answer["problems"][1]["record"] == published
    assert answer["problems"][1]["reason"].startswith("cannot be read from here on: expected a whole gzip file")
    assert answer["error"].startswith("2 of 3 files could not be read to the end, first ")
    assert seen(kernel)[-1].id == "E99999"


async def test_denied_records(kernel: Kernel, tmp_path: Path) -> None:
    """What the policy denies is counted and told; the rest is published."""
    kernel.set_policy("cloudtrail", {"publish_deny": ["aws.s3.*"]})
    file = write(tmp_path / "a.json", record(1, eventSource="s3.amazonaws.com"), record(2))
    answer = await replay(kernel, file)
    assert answer | counts(records=2, published=1, failed=1, files=1) == answer
    assert "aws.s3.GetUser" in answer["error"]
    assert [event.id for event in seen(kernel)] == ["E2"]


async def test_a_log_that_cannot_be_written_stops_the_replay(kernel: Kernel, tmp_path: Path) -> None:
    """Any other refusal stops the replay with that error, which tells how far it came."""

    class Full:
        @hookimpl(targets=["aws.*"])
        async def signalpy_publish(self, event: Publication, proceed: Any) -> None:
            if event.id == "E300":
                raise AuditUnavailable("the disk is full")
            await proceed()

    kernel.hooks.register(Full())
    file = write(tmp_path / "a.json", *(record(number) for number in range(1000)))
    with pytest.raises(AuditUnavailable) as caught:
        await replay(kernel, file)
    assert f"The replay stopped in {file}, 511 records published; repeat it." in caught.value.__notes__
    assert len(seen(kernel)) == 511


async def test_problems_are_bounded(kernel: Kernel, tmp_path: Path) -> None:
    """A file of rubbish fills neither memory nor the answer: all is counted, the first hundred are told."""
    answer = await replay(kernel, write(tmp_path / "a.json", *range(1000)))
    assert answer["failed"] == 1000
    assert len(answer["problems"]) == SHOWN


@pytest.mark.parametrize("path", ["missing", "", "empty"])
async def test_nothing_to_replay(kernel: Kernel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """A path without files to replay is an error and not an answer of zero."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(PathNotFoundError):
        await kernel.bus.invoke("cloudtrail.replay", {"path": path})


async def test_params(kernel: Kernel, tmp_path: Path) -> None:
    """The path may be a Path or come in the model itself; anything else is refused before a file is touched."""
    file = write(tmp_path / "a.json", record(1))
    for good in ({"path": file}, ReplayParams(file), ReplayParams(str(file))):
        assert (await kernel.bus.invoke("cloudtrail.replay", good))["published"] == 1
    for bad in ({}, {"path": None}, {"path": str(file), "patern": "*"}):
        with pytest.raises(InvalidParams):
            await kernel.bus.invoke("cloudtrail.replay", bad)


async def test_the_loop_stays_free(kernel: Kernel, tmp_path: Path) -> None:
    """While the file is not ready to be read, other work goes on; here it is a pipe that nobody has written to."""
    os.mkfifo(tmp_path / "pipe")
    free = threading.Event()
    was_free = []

    def feed() -> None:
        was_free.append(free.wait(10))
        write(tmp_path / "pipe", record(1))

    feeder = threading.Thread(target=feed)
    feeder.start()
    replaying = asyncio.create_task(replay(kernel, tmp_path / "pipe"))
    await asyncio.sleep(0.1)
    free.set()
    assert (await replaying)["published"] == 1
    feeder.join()
    assert was_free == [True]


async def test_a_replay_can_be_cancelled(kernel: Kernel, tmp_path: Path) -> None:
    """A cancelled replay stops, and the next one starts afresh."""
    write(tmp_path / "a.json", *(record(number) for number in range(20_000)))
    task = asyncio.create_task(replay(kernel, tmp_path))
    await kernel.get("witness").first.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    before = len(seen(kernel))
    assert before < 20_000
    assert (await replay(kernel, tmp_path))["published"] == 20_000
    assert len(seen(kernel)) == before + 20_000
