"""``signalpy audit export``, and ``verify --export`` where the trail is not."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from signalpy import Kernel, Refused, component, runnable
from signalpy_audit_trail import AuditTrail, open_trail
from signalpy_audit_trail.commit import append_sync
from signalpy_audit_trail.stores.file import FileStore


def audit(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The command, for real."""
    command = [sys.executable, "-m", "signalpy", "audit", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)


@pytest.fixture
def folder(tmp_path: Path, make: Any) -> Path:
    """A trail of thirty records."""
    store = FileStore(tmp_path / "trail")
    append_sync(store, *(make(actor=f"user{n % 3}", action="account.transfer", subjects=["a"]) for n in range(30)))
    store.close()
    return tmp_path


def test_an_export_is_checked_where_the_trail_is_not(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """With the file, the manifest beside it and the public key; each can be read by its owner only."""
    done = audit(folder, "export", "--store", "trail", "--format", "csv", "-o", "rows.csv", "--actor", "user1")
    assert (0, "rows.csv: 10 records of 31; rows.csv.manifest proves them\n") == (done.returncode, done.stdout)
    (folder / "key").write_text(audit(folder, "checkpoint", "--public-key", "--store", "trail").stdout)
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    for name in ("rows.csv", "rows.csv.manifest", "key"):
        shutil.copy(folder / name, elsewhere / name)
    assert {0o600} == {(folder / name).stat().st_mode & 0o777 for name in ("rows.csv", "rows.csv.manifest")}
    done = audit(elsewhere, "verify", "--export", "rows.csv", "--key", "key")
    assert (0, "") == (done.returncode, done.stderr)
    assert "filters   actor user1" in done.stdout
    assert done.stdout.endswith("holds\n")
    (elsewhere / "rows.csv").write_text((elsewhere / "rows.csv").read_text().replace("user1", "user2", 1))
    done = audit(elsewhere, "verify", "--export", "rows.csv", "--key", "key", "--json")
    report = json.loads(done.stdout)
    assert (1, "broken", 1) == (done.returncode, report["verdict"], report["first_bad"])


def test_without_a_file_rows_go_to_standard_output(folder: Path) -> None:
    """To be piped; the access is recorded like any other."""
    done = audit(folder, "export", "--store", "trail", "--format", "syslog", "--limit-none")
    assert 2 == done.returncode
    done = audit(folder, "export", "--store", "trail", "--format", "syslog")
    assert (0, "", 31) == (done.returncode, done.stderr, done.stdout.count("\n"))
    with open_trail(folder / "trail") as trail:
        [access] = trail.query(kind="access", type="audit-trail.export")["entries"]
    assert "syslog" == access["data"]["filters"]["format"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--format", "cvs"), "Did you mean 'csv'"),
        (("--format", "parquet", "--follow"), "cannot be sent one by one"),
        (("--manifest", "m", "--follow"), "--manifest proves a whole export"),
        (("-o", "x", "--to", "http://127.0.0.1/"), "--output or --to"),
        (("-o", "no/such/folder/x"), "No such file or directory"),
        (("--outcome", "good"), "outcome: expected one of"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(folder: Path, words: tuple[str, ...], told: str) -> None:
    """Exit code 2; no file is left behind."""
    done = audit(folder, "export", "--store", "trail", *words)
    assert 2 == done.returncode
    assert told in done.stderr
    assert {"trail", "trail.keys"} >= {path.name for path in folder.iterdir()}


def test_a_missing_or_foreign_manifest_is_said(folder: Path) -> None:
    """In one line, exit code 2."""
    audit(folder, "export", "--store", "trail", "-o", "rows.jsonl")
    (folder / "rows.jsonl.manifest").unlink()
    done = audit(folder, "verify", "--export", "rows.jsonl")
    assert 2 == done.returncode
    assert "rows.jsonl.manifest: No such file or directory" in done.stderr
    done = audit(folder, "verify", "--export", "rows.jsonl", "--manifest", "rows.jsonl")
    assert 2 == done.returncode
    assert "no line of a manifest" in done.stderr


async def test_a_component_exports_only_if_its_policy_names_it(tmp_path: Path) -> None:
    """From outside anyone may; pages come with a cursor; the access is recorded."""

    @component("curious", version="1")
    class Curious:
        rt: Any

        @runnable("look", description="Looks")
        async def look(self) -> Any:
            return await self.rt.invoke("audit-trail.export", {"format": "csv", "type": "a.*", "limit": 2})

    kernel = Kernel({"audit-trail": {"store": f"file:{tmp_path / 'trail'}"}})
    kernel.discover([AuditTrail, Curious])
    async with kernel:
        for number in range(3):
            await kernel.bus.publish("a.b", {"n": number})
        with pytest.raises(Refused):
            await kernel.bus.invoke("curious.look")
        kernel.set_policy("curious", {"invoke_allow": ["audit-trail.export"]})
        first = await kernel.bus.invoke("curious.look")
        assert (2, "text/csv", 3) == (first["records"], first["media_type"], first["content"].count("\r\n"))
        asked = {"format": "csv", "type": "a.*", "limit": 2, "cursor": first["next"]}
        second = await kernel.bus.invoke("audit-trail.export", asked)
        assert (1, None, 1) == (second["records"], second["next"], second["content"].count("\r\n"))
        with pytest.raises(ValueError, match="Did you mean 'csv'"):
            await kernel.bus.invoke("audit-trail.export", {"format": "cvs"})
        with pytest.raises(ValueError, match="stand in a file only"):
            await kernel.bus.invoke("audit-trail.export", {"format": "parquet"})
        accesses = await kernel.bus.invoke("audit-trail.query", {"kind": "access", "type": "audit-trail.export"})
        assert ["failure", "failure", "success", "success", "denied"] == [one["outcome"] for one in accesses["entries"]]
