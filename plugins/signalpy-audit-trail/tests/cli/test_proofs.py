"""The commands of an auditor, as programs: verify, checkpoint, prove, snapshot, summary, status, reindex."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from signalpy_audit_trail.checkpoints import sign_head
from signalpy_audit_trail.commit import append_sync
from signalpy_audit_trail.draft import Draft
from signalpy_audit_trail.signing import Keys
from signalpy_audit_trail.stores.file import FileStore


def audit(*arguments: str, cwd: Path, code: int = 0) -> str:
    """Runs ``signalpy audit``; gives what it prints."""
    command = [sys.executable, "-m", "signalpy", "audit", *arguments]
    environment = {**os.environ, "PYTHONWARNINGS": "error", "HOME": str(cwd)}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert code == done.returncode, done.stdout + done.stderr
    if code == 2 and not done.stdout:
        assert 1 == len(done.stderr.splitlines()), done.stderr
        return done.stderr
    return done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a trail of nine records, signed, and its keys beside it."""
    store = FileStore(tmp_path / "trail")
    body = '{{"id":"{0}","time":"2026-01-01T00:00:00.000000Z","kind":"event","action":"a.b","outcome":"success"}}'
    append_sync(store, *(Draft(id=str(n), body=body.format(n).encode()) for n in range(9)))
    sign_head(store, Keys(tmp_path / "trail.keys").ensure(store.origin))
    store.close()
    return tmp_path


def test_an_auditor_verifies_with_what_he_kept(folder: Path) -> None:
    """Checkpoint and key are taken elsewhere; later both are held against the trail."""
    (folder / "head").write_text(audit("checkpoint", "--store", "trail", cwd=folder))
    (folder / "key").write_text(audit("checkpoint", "--public-key", "--store", "trail", cwd=folder))
    given = ["--checkpoint", "head", "--key", "key", "--require", "tail,signature"]
    report = json.loads(audit("verify", "--store", "trail", *given, "--json", cwd=folder))
    assert ["bytes", "order", "tree", "tail", "signature", "index"] == [item["check"] for item in report["checks"]]
    assert ("holds", 9, None) == (report["verdict"], report["size"], report["first_bad"])
    assert "holds" in audit("verify", "--store", "trail", cwd=folder).splitlines()[-1]


def test_verdicts_are_exit_codes(folder: Path) -> None:
    """0 holds, 1 broken with the first bad record, 2 for what was required and could not be checked."""
    report = json.loads(audit("verify", "--store", "trail", "--require", "tail", "--json", cwd=folder, code=2))
    assert "not_checked" == report["verdict"]
    segment = folder / "trail" / f"{0:020d}.jsonl"
    segment.write_bytes(segment.read_bytes().replace(b'"id":"4"', b'"id":"5"'))
    told = audit("verify", "--store", "trail", "--require", "tail", cwd=folder, code=1)
    assert "BROKEN, first at record 4" == told.splitlines()[-1]
    assert "reindex" not in told


def test_a_head_from_elsewhere_is_held_against_the_records_where_the_trail_has_none(folder: Path) -> None:
    """The trail was shortened together with its own head and tree: neither tail nor signature holds."""
    (folder / "head").write_text(audit("checkpoint", "--store", "trail", cwd=folder))
    key = audit("checkpoint", "--public-key", "--store", "trail", cwd=folder).strip()
    segment = next((folder / "trail").glob("*.jsonl"))
    segment.write_bytes(b"".join(segment.read_bytes().splitlines(keepends=True)[:5]))
    (folder / "trail" / "checkpoint").unlink()
    shutil.rmtree(folder / "trail" / "tree")
    arguments = ("verify", "--store", "trail", "--checkpoint", "head", "--key", key, "--no-index", "--json")
    report = json.loads(audit(*arguments, cwd=folder, code=1))
    broken = [check["check"] for check in report["checks"] if check["result"] == "broken"]
    assert ["tail", "signature"] == broken


def test_a_proof_is_checked_without_the_trail(folder: Path) -> None:
    """Written for one record, checked where nothing else is; a changed one is not believed."""
    key = audit("checkpoint", "--public-key", "--store", "trail", cwd=folder).strip()
    audit("prove", "3", "--store", "trail", "-o", "three.tlog-proof", cwd=folder)
    (folder / "elsewhere").mkdir()
    shutil.move(folder / "three.tlog-proof", folder / "elsewhere")
    shutil.rmtree(folder / "trail")
    told = audit("verify", "--proof", "three.tlog-proof", "--key", key, cwd=folder / "elsewhere").splitlines()
    assert told[0].startswith("three.tlog-proof: record 3 of 9 of ")
    assert told[1].startswith('{"seq":3,')
    assert "holds" == told[2]
    assert "not checked" in audit("verify", "--proof", "three.tlog-proof", cwd=folder / "elsewhere", code=2)
    path = folder / "elsewhere" / "three.tlog-proof"
    path.write_text(path.read_text().replace("index 3", "index 2"))
    assert "BROKEN" in audit("verify", "--proof", "three.tlog-proof", "--key", key, cwd=folder / "elsewhere", code=1)


def test_a_rotated_key_leaves_old_heads_verifiable(folder: Path) -> None:
    """After a rotation new heads are signed by the new key, and the old public key is still told."""
    (folder / "old").write_text(audit("checkpoint", "--store", "trail", cwd=folder))
    audit("checkpoint", "--rotate", "--store", "trail", cwd=folder)
    old, new = audit("checkpoint", "--public-key", "--store", "trail", cwd=folder).splitlines()
    assert old != new
    audit("verify", "--store", "trail", "--checkpoint", "old", "--key", old, "--key", new, cwd=folder)
    audit("verify", "--store", "trail", "--key", new, cwd=folder)
    audit("verify", "--store", "trail", "--key", old, cwd=folder, code=1)


def test_a_lost_list_of_public_keys_loses_no_key(folder: Path) -> None:
    """The key in force is told from the signing key, before a rotation and after; a damaged one is not called none."""
    wanted = audit("checkpoint", "--public-key", "--store", "trail", cwd=folder)
    public, private = folder / "trail.keys" / "public.keys", folder / "trail.keys" / "signing.key"
    public.unlink()
    assert wanted == audit("checkpoint", "--public-key", "--store", "trail", cwd=folder)
    told = audit("checkpoint", "--rotate", "--public-key", "--store", "trail", cwd=folder).splitlines()
    assert [wanted.strip()] == told[:-1]
    public.unlink()
    private.write_text("nonsense")
    assert "signing key is damaged" in audit("checkpoint", "--public-key", "--store", "trail", cwd=folder, code=2)


def test_damaged_public_keys_stop_no_other_check(folder: Path) -> None:
    """The signature is not checked and says why, the rest is; what needs the keys is told in one line."""
    (folder / "trail.keys" / "public.keys").write_text("nonsense\n")
    report = json.loads(audit("verify", "--store", "trail", "--json", cwd=folder))
    checks = {item["check"]: item for item in report["checks"]}
    assert ["holds"] * 3 == [checks[name]["result"] for name in ("bytes", "order", "tree")]
    assert "not_checked" == checks["signature"]["result"]
    assert "public.keys: no verifier key" in checks["signature"]["detail"]
    audit("verify", "--store", "trail", "--require", "signature", cwd=folder, code=2)
    told = audit("checkpoint", "--public-key", "--store", "trail", cwd=folder, code=2)
    assert "public.keys: no verifier key" in told
    assert "KeyFileError" not in told


def test_reads_that_give_records_out_are_recorded_and_the_others_are_not(folder: Path) -> None:
    """prove, snapshot and summary leave an access record; verify, status, checkpoint and reindex give nothing out."""
    for command in (["verify"], ["status"], ["checkpoint"], ["reindex"]):
        audit(*command, "--store", "trail", cwd=folder)
    assert 9 == json.loads(audit("status", "--json", "--store", "trail", cwd=folder))["size"]
    audit("prove", "0", "--store", "trail", cwd=folder)
    audit("snapshot", "copy", "--store", "trail", cwd=folder)
    summary = json.loads(audit("summary", "--json", "--store", "trail", cwd=folder))
    assert {"event": 9, "access": 2} == summary["kinds"]
    lines = (folder / "trail" / f"{0:020d}.jsonl").read_bytes().splitlines()[9:]
    assert ["audit-trail.prove", "audit-trail.snapshot", "audit-trail.summary"] == [
        json.loads(line)["action"] for line in lines
    ]
    assert "holds" in audit("verify", "--store", "copy", cwd=folder)


def test_a_read_only_copy_is_read_without_a_byte_of_it_changing(folder: Path) -> None:
    """No write bit anywhere: every reading command works, changes nothing, and says that it is not recorded."""
    trail = folder / "trail"
    paths = [trail, *trail.rglob("*")]
    for path in paths:
        path.chmod(path.stat().st_mode & ~0o222)
    before = {str(path): (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"") for path in paths}
    for command in (["verify"], ["summary"], ["query"], ["tail"], ["prove", "1"], ["checkpoint"], ["status"]):
        audit(*command, "--store", "trail", cwd=folder)
    assert before == {
        str(path): (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in [trail, *trail.rglob("*")]
    }
    for path in paths:
        path.chmod(path.stat().st_mode | 0o200)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["verfy"], "Did you mean 'verify'"),
        (["verify", "--store", "nowhere"], "there is no trail"),
        (["verify", "--store", "trail.keys"], "expected a trail"),
        (["verify", "--store", "trail", "--require", "tale"], "no check 'tale'"),
        (["verify", "--store", "trail", "--key", "nonsense"], "no verifier key"),
        (["verify", "--store", "trail", "--key", "trail/trail.json"], "audit checkpoint --public-key"),
        (["verify", "--store", "trail", "--checkpoint", "trail/trail.json"], "no signed note"),
        (["verify", "--proof", "trail/trail.json"], "no proof"),
        (["verify", "--proof", "/proc/self/mem"], "that `signalpy audit prove` wrote"),
        (["verify", "--store", "ftp:x"], "no store answers"),
        (["prove", "9", "--store", "trail"], "there is no record 9"),
        (["snapshot", "trail.keys", "--store", "trail"], "empty folder"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_code_2(folder: Path, arguments: list[str], told: str) -> None:
    """A missing or foreign place, a wrong key, checkpoint, proof or number: one line on stderr."""
    assert told in audit(*arguments, cwd=folder, code=2)


def test_verify_pays_for_neither_asyncio_nor_pydantic(folder: Path) -> None:
    """The offline command imports no event loop and no model library."""
    program = (
        "import sys\nfrom signalpy.cli import main\nsys.argv = ['signalpy', 'audit', 'verify', '--store', 'trail']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "assert not {'asyncio', 'pydantic'} & set(sys.modules), 'too much was imported'\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stderr
