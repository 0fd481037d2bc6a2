"""Who did what, asked of real records: AWS CloudTrail files are replayed with the audit trail installed, then searched.

Every answer is compared with a plain recount of the files. It runs on the sample that the example ships, and on a
larger set where there is one: the folder that SIGNALPY_CLOUDTRAIL_DATA names, else ``shared/data/cloudtrail`` beside
the repository.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from signalpy import Kernel

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "examples" / "signalpy-cloudtrail"
FULL = Path(os.environ.get("SIGNALPY_CLOUDTRAIL_DATA") or ROOT.parent / "shared" / "data" / "cloudtrail")
SESSIONS = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SETS = [
    pytest.param(EXAMPLE / "sample", id="sample"),
    pytest.param(
        FULL,
        id="full",
        marks=pytest.mark.skipif(not FULL.is_dir(), reason="no larger set here: SIGNALPY_CLOUDTRAIL_DATA may name one"),
    ),
]
HOUR = timedelta(hours=1)

Record = dict[str, Any]


class Recount:
    """The files, counted without anything that is under test."""

    def __init__(self, folder: Path) -> None:
        self.records: list[Record] = []
        for file in sorted(folder.glob("*.json*")):
            content = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
            self.records += json.loads(content)["Records"]

    @staticmethod
    def actor(record: Record) -> str:
        identity = record["userIdentity"]
        return str(identity.get("arn") or identity.get("invokedBy") or identity.get("type"))

    @staticmethod
    def arns(record: Record) -> list[str]:
        return [resource["ARN"] for resource in record.get("resources") or [] if resource.get("ARN")]

    def failures(self) -> Counter[str]:
        return Counter(self.actor(record) for record in self.records if record.get("errorCode"))

    def busiest_resource(self) -> str:
        return Counter(arn for record in self.records for arn in self.arns(record)).most_common(1)[0][0]

    def about(self, arn: str) -> list[str]:
        return [record["eventID"] for record in self.records if arn in self.arns(record)]

    def busiest_hour(self) -> tuple[str, datetime]:
        """Who has the most records within one hour of the clock, and that hour."""
        hours = Counter((self.actor(record), record["eventTime"][:13]) for record in self.records)
        actor, hour = hours.most_common(1)[0][0]
        return actor, datetime.fromisoformat(f"{hour}:00:00+00:00")

    def during(self, actor: str, hour: datetime) -> list[str]:
        mark = hour.strftime("%Y-%m-%dT%H:")
        return [r["eventID"] for r in self.records if self.actor(r) == actor and r["eventTime"].startswith(mark)]


@dataclass(frozen=True)
class Replayed:
    """A folder that was replayed twice into the trail at ``store``."""

    store: str
    answers: list[dict[str, Any]]
    recorded: list[int]
    recount: Recount

    def ask(self, **filters: Any) -> list[Record]:
        """The entries of all pages, in the order of the trail, as the runnable gives them."""
        return asyncio.run(self._ask(filters))

    def count(self, **filters: Any) -> dict[str, Any]:
        """Counts as the runnable gives them."""
        return asyncio.run(self._query(filters))

    def in_terminal(self, *arguments: str) -> list[str]:
        """The lines that `signalpy audit query` prints."""
        done = subprocess.run(
            [sys.executable, "-m", "signalpy", "audit", "query", "--store", self.store, *arguments],
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.splitlines()

    async def _ask(self, filters: dict[str, Any]) -> list[Record]:
        async with Kernel(configuration(self.store)) as kernel:
            return await everything(kernel, **filters)

    async def _query(self, filters: dict[str, Any]) -> dict[str, Any]:
        async with Kernel(configuration(self.store)) as kernel:
            found: dict[str, Any] = await kernel.bus.invoke("audit-trail.query", filters)
            return found


def configuration(store: str) -> dict[str, Any]:
    return {"plugins": {"allow": ["cloudtrail", "audit-trail"]}, "audit-trail": {"store": store}}


async def everything(kernel: Kernel, **filters: Any) -> list[Record]:
    entries: list[Record] = []
    page: dict[str, Any] = {"next": None}
    while not entries or page["next"]:
        asked = {"order": "asc", "limit": 1000, "cursor": page["next"], **filters}
        page = await kernel.bus.invoke("audit-trail.query", asked)
        entries += page["entries"]
        if not page["entries"]:
            break
    return entries


async def replay_twice(folder: Path, store: str) -> Replayed:
    answers, recorded = [], []
    for _ in range(2):
        async with Kernel(configuration(store)) as kernel:
            answers.append(await kernel.bus.invoke("cloudtrail.replay", {"path": str(folder)}, actor="auditor"))
            counts = await kernel.bus.invoke("audit-trail.query", {"type": "aws.*", "count_by": "kind"})
            recorded.append(sum(counts["counts"].values()))
    return Replayed(store, answers, recorded, Recount(folder))


@pytest.fixture(scope="module", params=SETS)
def replayed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Replayed:
    store = f"file://{tmp_path_factory.mktemp('cloudtrail') / 'trail'}"
    return asyncio.run(replay_twice(request.param, store))


def test_every_record_is_published_and_recorded(replayed: Replayed) -> None:
    """The replay reads and publishes each record of the files, and the trail has as many."""
    number = len(replayed.recount.records)
    answer = replayed.answers[0]
    assert (answer["records"], answer["published"], answer["failed"], answer["unread"]) == (number, number, 0, 0)
    assert number > 0
    assert replayed.recorded[0] == number


def test_a_second_replay_records_nothing_again(replayed: Replayed) -> None:
    """The same records are published once more and known by their ids."""
    assert replayed.answers[1] == replayed.answers[0]
    assert replayed.recorded[1] == replayed.recorded[0]


def test_each_entry_says_what_its_record_says(replayed: Replayed) -> None:
    """In the order of the files: type, actor, time, outcome, error, subjects, client and the record itself."""
    entries = replayed.ask(type="aws.*")
    assert [entry["id"] for entry in entries] == [record["eventID"] for record in replayed.recount.records]
    for entry, record in zip(entries, replayed.recount.records, strict=True):
        service = record["eventSource"].removesuffix(".amazonaws.com")
        assert entry["action"] == f"aws.{service}.{record['eventName']}"
        assert entry["kind"] == "event"
        assert entry["actor"] == Recount.actor(record)
        assert entry["time"] == record["eventTime"].replace("Z", ".000000Z")
        assert entry["outcome"] == ("failure" if record.get("errorCode") else "success")
        assert (entry.get("error") or {}).get("type") == record.get("errorCode")
        assert (entry.get("error") or {}).get("message") == record.get("errorMessage")
        assert entry.get("subjects", []) == Recount.arns(record)
        assert entry["client"]["ip"] == record["sourceIPAddress"]
        assert entry["client"]["user_agent"] == record["userAgent"]
        assert entry["caller"] == "cloudtrail"
        assert entry["data"] == record


def test_failures_by_actor(replayed: Replayed) -> None:
    """Who failed, and how often: as many as a count of the error codes."""
    expected = replayed.recount.failures()
    assert len(expected) > 3
    found = replayed.count(outcome="failure", count_by="actor")
    assert found["counts"] == expected
    assert (found["absent"], found["others"]) == (0, 0)


def test_everything_about_one_resource(replayed: Replayed) -> None:
    """All entries about the resource that most records concern, and no others."""
    arn = replayed.recount.busiest_resource()
    expected = replayed.recount.about(arn)
    assert 3 < len(expected) < len(replayed.recount.records)
    assert [entry["id"] for entry in replayed.ask(subject=arn)] == expected


def test_one_hour_of_one_user(replayed: Replayed) -> None:
    """All that one user did from one full hour to the next, and nothing else."""
    actor, hour = replayed.recount.busiest_hour()
    expected = replayed.recount.during(actor, hour)
    assert 3 < len(expected) < len(replayed.recount.records)
    found = replayed.ask(actor=actor, since=hour, until=(hour + HOUR).isoformat())
    assert [entry["id"] for entry in found] == expected


def test_failures_by_actor_in_the_terminal(replayed: Replayed) -> None:
    """The command prints the same counts, the largest first, as a table and as JSON."""
    expected = replayed.recount.failures()
    question = ("--outcome", "failure", "--count-by", "actor")
    head, *rows = replayed.in_terminal(*question)
    assert head.split() == ["COUNT", "ACTOR"]
    found = [(int(number), actor) for number, actor in (row.split() for row in rows)]
    assert found == sorted(found, key=lambda pair: -pair[0])
    assert {actor: number for number, actor in found} == expected
    (line,) = replayed.in_terminal(*question, "--json")
    assert json.loads(line)["counts"] == expected


def test_everything_about_one_resource_in_the_terminal(replayed: Replayed) -> None:
    """The command prints each entry about a resource: as a line of a table that names it, and as stored."""
    arn = replayed.recount.busiest_resource()
    expected = replayed.recount.about(arn)
    question = ("--subject", arn, "--order", "asc", "--all")
    _, *rows = replayed.in_terminal(*question)
    assert len(rows) == len(expected)
    assert [row for row in rows if arn not in row] == []
    assert [json.loads(line)["id"] for line in replayed.in_terminal(*question, "--json")] == expected


def test_one_hour_of_one_user_in_the_terminal(replayed: Replayed) -> None:
    """The command prints what one user did in one hour: as a table that names the user, and as stored."""
    actor, hour = replayed.recount.busiest_hour()
    expected = replayed.recount.during(actor, hour)
    bounds = ("--since", hour.isoformat(), "--until", (hour + HOUR).isoformat())
    question = ("--actor", actor, *bounds, "--order", "asc", "--all")
    _, *rows = replayed.in_terminal(*question)
    assert len(rows) == len(expected)
    assert [row for row in rows if actor not in row] == []
    assert [json.loads(line)["id"] for line in replayed.in_terminal(*question, "--json")] == expected


def test_the_commands_of_the_readme(tmp_path: Path) -> None:
    """The commands print what the README shows, in a folder that holds what the example's holds."""
    shutil.copytree(EXAMPLE / "sample", tmp_path / "sample")
    shutil.copy(EXAMPLE / "signalpy.toml", tmp_path)
    shown = SESSIONS.findall((EXAMPLE / "README.md").read_text())
    assert len(shown) == 4
    for session in shown:
        command, _, output = session.partition("\n")
        prompt, program, *arguments = shlex.split(command)
        assert (prompt, program) == ("$", "signalpy")
        done = subprocess.run(
            [sys.executable, "-m", "signalpy", *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=60
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert without_positions(done.stdout) == without_positions(output)


def without_positions(table: str) -> str:
    """A table without its first column, if that is SEQ: how many records stand before is not the README's subject."""
    return re.sub(r"^\d+", "", table, flags=re.MULTILINE) if table.startswith("SEQ") else table


def test_a_replay_with_a_bad_file_fails_in_the_terminal(tmp_path: Path) -> None:
    """The command ends with code 1 and tells what is missing; for a path where nothing is, with code 2 and one line."""
    shutil.copy(EXAMPLE / "signalpy.toml", tmp_path)
    (tmp_path / "bad.json").write_text("no json")
    invoke = [sys.executable, "-m", "signalpy", "invoke", "cloudtrail.replay"]
    bad = subprocess.run([*invoke, '{"path": "bad.json"}'], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert bad.returncode == 1
    assert json.loads(bad.stdout)["error"].startswith("1 of 1 files could not be read to the end, first bad.json")
    missing = subprocess.run(
        [*invoke, '{"path": "missing.json"}'], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert (missing.returncode, missing.stdout) == (2, "")
    assert missing.stderr.count("\n") == 1
    assert "expected a file or a folder, found nothing at 'missing.json'" in missing.stderr
