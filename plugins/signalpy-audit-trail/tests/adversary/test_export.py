"""What somebody with write access to an export and its manifest, but not to the signing key, can do."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from signalpy import Kernel
from signalpy_audit_trail import AuditTrail
from signalpy_audit_trail.export import FORMATS, check_export, format_named
from signalpy_audit_trail.merkle import leaf_hash, node_hash

RULES = [{"type": "order.*", "field": ["note", "lines[*].text", "client.ip"], "action": "encrypt", "subject": "who"}]
Lines = list[dict[str, Any]]


def audit(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The command, for real."""
    command = [sys.executable, "-m", "signalpy", "audit", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)


async def _trail(folder: Path, name: str) -> None:
    kernel = Kernel({"audit-trail": {"store": f"file://{folder / name}", "privacy": {"rules": RULES}}})
    kernel.discover([AuditTrail])
    async with kernel:
        for number in range(12):
            data = {
                "who": f"u{number % 2}",
                "note": "a secret",
                "lines": [{"text": "x", "unit": "kilogram"}],
                "n": number,
            }
            kind, actor = ("order.made", "order.sent", "plain.event")[number % 3], ("alice", "mallory")[number % 2]
            await kernel.bus.publish(kind, data, actor=actor, subject=f"u{number % 2}")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two trails with some encrypted values, exports of both in every format, and the public key of the first."""
    folder = tmp_path_factory.mktemp("built")
    for name in ("trail", "other"):
        asyncio.run(_trail(folder, name))
        for form in FORMATS:
            assert 0 == audit(folder, "export", "--store", name, "--format", form, "-o", f"{name}.{form}").returncode
    (folder / "key").write_text(audit(folder, "checkpoint", "--public-key", "--store", "trail").stdout)
    for number, filters in enumerate((("--actor", "alice"), ("--type", "plain.*"), ("--type", "none"))):
        audit(folder, "export", "--store", "trail", "-o", f"part{number}", *filters)
    return folder


class Forger:
    """A copy of the exports, and what can be done to them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def rows(self, name: str) -> list[bytes]:
        return (self.folder / name).read_bytes().splitlines(keepends=True)

    def lines(self, name: str) -> Lines:
        return [json.loads(line) for line in (self.folder / f"{name}.manifest").read_bytes().splitlines()]

    def write(self, name: str, rows: bytes | list[bytes], lines: Lines) -> None:
        """Both files, with an end that fits."""
        content = rows if isinstance(rows, bytes) else b"".join(rows)
        count = sum(line["line"] == "row" for line in lines)
        end = {"line": "end", "rows": count, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        told = [*(line for line in lines if line["line"] != "end"), end]
        (self.folder / name).write_bytes(content)
        text = b"".join(json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in told)
        (self.folder / f"{name}.manifest").write_bytes(text)

    def verified(self, name: str, *words: str) -> tuple[int, dict[str, tuple[str, str]], str]:
        """Exit code, what each check said, and the text for people."""
        done = audit(self.folder, "verify", "--export", name, *(words or ("--key", "key")))
        found = audit(self.folder, "verify", "--export", name, *(words or ("--key", "key")), "--json")
        assert done.stderr.count("\n") <= 1, done.stderr
        checks = json.loads(found.stdout)["checks"] if found.stdout else []
        said = {check["check"]: (check["result"], check.get("detail", "")) for check in checks}
        return done.returncode, said, done.stdout + done.stderr


@pytest.fixture
def forger(built: Path, tmp_path: Path) -> Forger:
    for path in built.iterdir():
        if path.is_file():
            shutil.copy(path, tmp_path / path.name)
    return Forger(tmp_path)


def body(lines: Lines) -> tuple[dict[str, Any], Lines]:
    """The head, and the lines between head and end."""
    return lines[0], lines[1:-1]


def swapped(rows: list[Any]) -> list[Any]:
    return [*rows[:4], rows[5], rows[4], *rows[6:]]


def doubled(rows: list[Any]) -> list[Any]:
    return [*rows[:5], rows[4], *rows[5:]]


def without(rows: list[Any]) -> list[Any]:
    return [*rows[:4], *rows[5:]]


def cut_off(rows: list[Any]) -> list[Any]:
    return rows[:-3]


@pytest.mark.parametrize("form", ["jsonl", "csv", "syslog"])
@pytest.mark.parametrize("change", [swapped, doubled, without, cut_off])
def test_rows_are_neither_moved_nor_doubled_nor_dropped(
    forger: Forger, form: str, change: Callable[[list[Any]], list[Any]]
) -> None:
    """In the file alone, or in both files."""
    name = f"trail.{form}"
    rows, (head, middle) = forger.rows(name), body(forger.lines(name))
    first = 1 if form == "csv" else 0
    changed = [*rows[:first], *change(rows[first:])]
    forger.write(name, changed, [head, *middle])
    assert (1, "broken") == (forger.verified(name)[0], forger.verified(name)[1]["rows"][0])
    forger.write(name, changed, [head, *change(middle)])
    code, said, _ = forger.verified(name)
    assert (1, "broken", "holds", "holds") == (code, said["proof"][0], said["file"][0], said["signature"][0])


def test_a_skip_swallows_no_record_of_an_export_of_all(forger: Forger) -> None:
    """Whoever has the records can make the hash that stands for one; that no filter asks for it gives it away."""
    rows, (head, middle) = forger.rows("trail.jsonl"), body(forger.lines("trail.jsonl"))
    at = next(number for number, row in enumerate(rows) if b'"plain.event"' in row)
    skip = {"line": "skip", "level": 0, "hash": base64.b64encode(leaf_hash(rows[at][:-1])).decode()}
    forger.write("trail.jsonl", rows[:at] + rows[at + 1 :], [head, *middle[:at], skip, *middle[at + 1 :]])
    code, said, _ = forger.verified("trail.jsonl")
    assert (1, "broken") == (code, said["proof"][0])
    assert "names no filter" in said["proof"][1]


@pytest.mark.parametrize("lie", [{"actor": "alice"}, {"type": "order.*"}, {"kind": "event"}, {"until": "2020-01-01"}])
def test_filters_that_the_rows_do_not_pass_are_a_lie(forger: Forger, lie: dict[str, str]) -> None:
    """A filter that is made up to explain what was dropped has to fit all that was not."""
    rows, (head, middle) = forger.rows("trail.jsonl"), body(forger.lines("trail.jsonl"))
    forger.write("trail.jsonl", rows, [{**head, "filters": lie}, *middle])
    code, said, _ = forger.verified("trail.jsonl")
    assert (1, "broken") == (code, said["proof"][0])
    assert "does not pass the filters that the manifest names" in said["proof"][1]


def test_a_made_up_filter_that_fits_is_said_to_be_the_manifests_word(forger: Forger) -> None:
    """What only the trail can tell is not claimed: who asked for all must look at these lines."""
    rows, (head, middle) = forger.rows("trail.jsonl"), body(forger.lines("trail.jsonl"))
    hashes = [leaf_hash(row[:-1]) for row in rows[:2]]
    skip = {"line": "skip", "level": 1, "hash": base64.b64encode(node_hash(*hashes)).decode()}
    forger.write("trail.jsonl", rows[2:], [{**head, "filters": {"intents": False}}, skip, *middle[2:]])
    code, said, text = forger.verified("trail.jsonl")
    assert (2, "holds", "not_checked") == (code, said["proof"][0], said["rows"][0])
    assert "filters   intents False (as the manifest says)" in text
    assert "only the trail can say whether the filters do that" in said["proof"][1]


@pytest.mark.parametrize("filters", [{"actor": 1}, {"nothing": "x"}, {"kind": "no"}, {"since": "2020-99-99"}])
def test_what_are_no_filters_is_one_line(forger: Forger, filters: dict[str, Any]) -> None:
    """Exit code 2: nothing was checked."""
    rows, (head, middle) = forger.rows("part0"), body(forger.lines("part0"))
    forger.write("part0", rows, [{**head, "filters": filters}, *middle])
    code, _, text = forger.verified("part0")
    assert (2, True) == (code, "the filters are none of a query" in text)


@pytest.mark.parametrize("name", ["part0", "part1", "part2", "trail.csv"])
def test_honest_exports_hold(forger: Forger, name: str) -> None:
    """Whole, filtered and empty ones; what was decrypted is not checked, and that is said."""
    code, said, _ = forger.verified(name)
    opened = name in ("part0", "trail.csv")
    assert (2 if opened else 0, "not_checked" if opened else "holds") == (code, said["rows"][0])
    assert "holds" == said["proof"][0] == said["file"][0] == said["signature"][0]


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_what_is_decrypted_hides_no_other_change(forger: Forger, form: str) -> None:
    """A row of which one value was decrypted is still held to all else that its record says."""
    name = f"trail.{form}"
    rows, (head, middle) = (forger.folder / name).read_bytes(), body(forger.lines(name))
    if form == "parquet":
        table = pq.read_table(forger.folder / name)
        actors = ["bob" if actor == "mallory" else actor for actor in table["actor"].to_pylist()]
        place = table.schema.get_field_index("actor")
        changed = table.set_column(place, "actor", pa.array(actors))
        pq.write_table(changed, forger.folder / name)
        rows = (forger.folder / name).read_bytes()
        with (forger.folder / name).open("rb") as file:
            reader = format_named("parquet").reader(file)
            made = [reader.take(0) for _ in middle]
    else:
        rows = rows.replace(b"mallory", b"bob")
        made = rows.splitlines(keepends=True)[form == "csv" :]
    for row, line in zip(made, middle, strict=True):
        if "sha256" in line or (b"bob" in row and line.get("record")):
            line |= {"length": len(row), "sha256": hashlib.sha256(row).hexdigest()}
    forger.write(name, rows, [head, *middle])
    code, said, _ = forger.verified(name)
    assert (1, "broken") == (code, said["rows"][0])


@pytest.mark.parametrize("form", ["jsonl", "csv", "cloudevents", "ocsf", "syslog"])
def test_a_decrypted_value_may_be_forged_and_is_never_said_to_hold(forger: Forger, form: str) -> None:
    """The limit of what a manifest proves, and where else in that row it ends."""
    name = f"trail.{form}"
    for old, new, expected in ((b"a secret", b"a forgery", 2), (b"kilogram", b"ton", 1)):
        rows, (head, middle) = forger.rows(name), body(forger.lines(name))
        first = form == "csv"
        at = next(number for number, line in enumerate(middle) if "sha256" in line)
        index = rows[at + first].rindex(old)
        rows[at + first] = rows[at + first][:index] + new + rows[at + first][index + len(old) :]
        middle[at] |= {"length": len(rows[at + first]), "sha256": hashlib.sha256(rows[at + first]).hexdigest()}
        forger.write(name, rows, [head, *middle])
        assert expected == forger.verified(name)[0], (form, new)


def test_records_of_another_trail_do_not_belong_here(forger: Forger) -> None:
    """Rows and lines of the other one, under the head of this one; and each of both with the other's manifest."""
    head, _ = body(forger.lines("trail.jsonl"))
    forger.write("trail.jsonl", forger.rows("other.jsonl"), [head, *body(forger.lines("other.jsonl"))[1]])
    assert (1, "broken") == (forger.verified("trail.jsonl")[0], forger.verified("trail.jsonl")[1]["proof"][0])
    code, said, _ = forger.verified("trail.csv", "--manifest", "other.csv.manifest", "--key", "key")
    assert (1, "broken", "broken") == (code, said["file"][0], said["signature"][0])


def test_an_export_of_another_trail_is_told_by_its_key(forger: Forger) -> None:
    """With the key it is broken; without one, nothing is said to hold that only a key can tell."""
    code, said, text = forger.verified("other.jsonl")
    assert (1, "broken") == (code, said["signature"][0])
    assert "not signed by a key that was given" in text
    code, said, text = forger.verified("other.jsonl", "--manifest", "other.jsonl.manifest")
    assert (2, "not_checked") == (code, said["signature"][0])
    assert "no key was given (--key): anybody could have signed the checkpoint" in text


def test_an_older_manifest_does_not_fit_a_newer_file(forger: Forger, built: Path) -> None:
    """Nor the other way round."""
    audit(built, "export", "--store", "trail", "-o", "later.jsonl")
    for name in ("later.jsonl", "later.jsonl.manifest"):
        shutil.copy(built / name, forger.folder / name)
    for file, manifest in (("later.jsonl", "trail.jsonl"), ("trail.jsonl", "later.jsonl")):
        code, said, _ = forger.verified(file, "--manifest", f"{manifest}.manifest", "--key", "key")
        assert (1, "broken", "broken") == (code, said["file"][0], said["rows"][0])


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_no_damage_of_a_file_makes_the_check_fail(built: Path, form: str) -> None:
    """A changed byte, a cut or garbage is broken, whatever a reader of that format makes of it."""
    content, manifest = (built / f"trail.{form}").read_bytes(), (built / f"trail.{form}.manifest").read_bytes()
    chance = random.Random(7)
    for _ in range(200):
        damaged, at = bytearray(content), chance.randrange(len(content))
        kind = chance.randrange(3)
        if kind == 0:
            damaged[at] ^= chance.randrange(1, 256)
        else:
            damaged[at:] = chance.randbytes(20) + content[at + 30 :] if kind == 1 else b""
        assert "broken" == check_export(BytesIO(bytes(damaged)), BytesIO(manifest)).verdict


@pytest.mark.parametrize("filters", [(), ("--type", "order.*")])
def test_a_trail_that_was_changed_is_not_exported_as_proven(
    built: Path, tmp_path: Path, filters: tuple[str, ...]
) -> None:
    """Who exports is told, and not only who checks it later; without a manifest the rows are there to be looked at."""
    for name in ("trail", "trail.keys"):
        shutil.copytree(built / name, tmp_path / name)
    segment = tmp_path / "trail" / f"{0:020d}.jsonl"
    segment.write_bytes(segment.read_bytes().replace(b'"order.made"', b'"order.mode"', 1))
    done = audit(tmp_path, "export", "--store", "trail", "-o", "rows", *filters)
    assert (2, True) == (done.returncode, "do not belong to the tree" in done.stderr)
    assert {"trail", "trail.keys"} == {path.name for path in tmp_path.iterdir()}
    assert 0 == audit(tmp_path, "export", "--store", "trail", *filters).returncode
