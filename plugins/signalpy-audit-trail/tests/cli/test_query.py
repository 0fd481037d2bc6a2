from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from signalpy_audit_trail.commit import commit
from signalpy_audit_trail.stores.file import FileStore

Run = Callable[..., Result]
Records = Callable[[], list[dict[str, Any]]]


def lines(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_table_for_people(run: Run, filled: Path) -> None:
    """One line for each record, newest first, under a head."""
    result = run("query", "--store", "file:trail", "--actor", "alice", "--limit", 2)
    head, first, second = result.stdout.splitlines()
    assert (0, ["SEQ", "TIME", "KIND", "ACTOR", "ACTION", "OUTCOME", "ABOUT"]) == (result.exit_code, head.split())
    assert [
        ["23", "2026-01-31T12:00:00.000Z", "event", "alice", "account.transfer", "success", "account:2"],
        ["21", "2026-01-31T12:00:00.000Z", "event", "alice", "account.transfer", "success", "account:0"],
    ] == [first.split(), second.split()]
    assert "signalpy: there are more: --cursor " in result.stderr


def test_stored_lines_for_programs(run: Run, filled: Path) -> None:
    """``--json`` prints the very bytes that are stored, and nothing else on stdout."""
    stored = (filled / "00000000000000000000.jsonl").read_text().splitlines()
    result = run("query", "--store", f"file://{filled}", "--json", "--order", "asc")
    assert (stored, "") == (result.stdout.splitlines(), result.stderr)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--outcome", "failure"), [20, 15, 10, 5, 0]),
        (("--subject", "account:1", "--actor", "alice"), [19, 13, 7, 1]),
        (("--type", "account.*", "--limit", "1"), [24]),
        (("--type", "other.*"), []),
        (("--since", "2026-02-01"), []),
        (("--until", "2026-01-31T12:00:00.000001Z", "--order", "asc", "--limit", "2"), [0, 1]),
        (("--all", "--limit", "10", "--actor", "bob", "--no-intents"), [*range(24, -1, -2)]),
    ],
)
def test_every_filter_is_an_option(run: Run, filled: Path, options: tuple[str, ...], expected: list[int]) -> None:
    """The command asks what the runnable asks."""
    result = run("query", "--store", "file:trail", "--json", *options)
    assert (0, expected) == (result.exit_code, [record["seq"] for record in lines(result)])


def test_pages_go_on_with_a_cursor(run: Run, filled: Path) -> None:
    """The cursor that is told continues where the page ended, whatever was written since."""
    first = run("query", "--store", "file:trail", "--json", "--limit", 20)
    cursor = first.stderr.split("--cursor ")[1].split()[0]
    second = run("query", "--store", "file:trail", "--json", "--limit", 20, "--cursor", cursor)
    assert [*range(24, -1, -1)] == [record["seq"] for record in lines(first) + lines(second)]
    assert "--cursor" not in second.stderr


def test_counts(run: Run, filled: Path) -> None:
    """``--count-by`` counts, for people and for programs."""
    table = run("query", "--store", "file:trail", "--count-by", "actor", "--kind", "event")
    assert [["COUNT", "ACTOR"], ["13", "bob"], ["12", "alice"]] == [line.split() for line in table.stdout.splitlines()]
    answer = run("query", "--store", "file:trail", "--count-by", "subject", "--kind", "event", "--json", "--limit", 1)
    assert {"counts": {"account:0": 9}, "absent": 0, "others": 16} == json.loads(answer.stdout)


def test_nothing_found_is_said(run: Run, filled: Path) -> None:
    """An empty answer is an answer."""
    result = run("query", "--store", "file:trail", "--actor", "nobody")
    assert (0, "", "signalpy: no record passes\n") == (result.exit_code, result.stdout, result.stderr)


def test_each_access_is_recorded(run: Run, filled: Path, records: Records) -> None:
    """Who asked for what, and how much was given out, is in the trail before it is on the screen."""
    run("query", "--store", "file:trail", "--actor", "alice", "--since", "9999d")
    run("query", "--store", "file:trail", "--count-by", "kind")
    query, count = records()[25:]
    assert {
        "seq": 25,
        "kind": "access",
        "action": "audit-trail.query",
        "target": "audit-trail.query",
        "caller": "kernel",
        "actor": pwd.getpwuid(os.geteuid()).pw_name,
        "client": {"uid": os.getuid()},
        "outcome": "success",
        "data": {"filters": {"actor": "alice", "since": "9999d"}, "returned": 12},
    }.items() <= query.items()
    assert query["operation_id"] == query["correlation_id"]
    assert query["origin"]["process"] == os.getpid()
    assert {"filters": {"count_by": "kind"}, "returned": 2} == count["data"]


def test_the_store_of_the_configuration(run: Run, filled: Path, tmp_path: Path) -> None:
    """Without ``--store`` the trail is that of the application: its table, else its default."""
    default = run("query")
    assert (2, "signalpy: audit-trail: there is no trail") == (default.exit_code, default.stderr.strip()[:40])
    (tmp_path / "signalpy.toml").write_text('[audit-trail]\nstore = "file:trail"\n')
    assert run("query", "--limit", 1).exit_code == 0
    (tmp_path / "other.toml").write_text('[audit-trail]\nstore = "file:elsewhere"\n')
    assert "elsewhere: there is no trail" in run("query", "-c", "other.toml").stderr


def test_a_path_names_a_store_as_well(run: Run, filled: Path) -> None:
    """The folder of a trail is as good as its URL."""
    for store in ("trail", "./trail", filled, "file:trail"):
        assert run("query", "--store", store, "--limit", 1).exit_code == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--store", "file:nowhere"), "nowhere: there is no trail"),
        (("--store", "nothing:x"), "nothing:x: no store answers to 'nothing'; installed are "),
        (("--store", "file:trail", "--outcome", "bad"), "outcome: expected one of intent, success, failure"),
        (("--store", "file:trail", "--limit", "0"), "limit: expected a whole number from 1 to 1000, found 0"),
        (("--store", "file:trail", "--limit", "x"), "Invalid value for '--limit'"),
        (("--store", "file:trail", "--since", "once"), "since: expected an RFC 3339 time"),
        (("--store", "file:trail", "--cursor", "x"), "cursor: expected the 'next' of an earlier page"),
        (("--store", "file:trail", "--nonsense"), "No such option"),
        (("extra",), "unexpected extra argument"),
    ],
)
def test_what_cannot_run_is_one_line(run: Run, filled: Path, options: tuple[str, ...], message: str) -> None:
    """Wrong usage and missing trails are one line on stderr, exit code 2, and no record."""
    before = (filled / "00000000000000000000.jsonl").read_bytes()
    result = run("query", *options)
    assert (2, "", 1) == (result.exit_code, result.stdout, len(result.stderr.splitlines()))
    assert message in result.stderr
    assert before == (filled / "00000000000000000000.jsonl").read_bytes()


def test_no_record_commands_the_terminal(run: Run, root: Path, make: Any) -> None:
    """Names with control characters and direction marks are shown escaped, one record on one line."""
    store = FileStore(root)
    commit(store, [make(actor="\x1b[2Jmallory\r\nroot", subjects=["a\u202eb"], target="t\0", action="evil\x9b")])
    store.close()
    result = run("query", "--store", "file:trail")
    assert len(result.stdout.splitlines()) == 2
    assert "\\x1b[2Jmallory\\r\\nroot" in result.stdout
    assert result.stdout.replace("\n", "").isprintable()


def test_what_utf8_cannot_hold_may_be_asked_for(filled: Path, tmp_path: Path, records: Records) -> None:
    """An argument that is no UTF-8 is searched and recorded in its escaped form."""
    command = [sys.executable, "-m", "signalpy", "audit", "query", "--store", "file:trail", "--actor", b"\xff"]
    done = subprocess.run(command, capture_output=True, cwd=tmp_path)
    assert (0, b"signalpy: no record passes\n") == (done.returncode, done.stderr)
    assert {"actor": "\\udcff"} == records()[-1]["data"]["filters"]


def test_a_trail_that_may_not_be_written_is_read_as_it_is(
    filled: Path, tmp_path: Path, read_only: Callable[..., Any]
) -> None:
    """Nothing in it changes, its index is kept elsewhere, and it is said that this access is not recorded."""

    def picture() -> list[tuple[str, int, int]]:
        return sorted((str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in filled.rglob("*"))

    before = picture()
    cache = tmp_path / "cache"
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    for options in ((), ("--index", tmp_path / "chosen")):
        asked = ("query", "--store", f"file://{filled}", "--actor", "alice", "--json", *options)
        done = read_only(filled, *asked, env=environment)
        assert (0, 12) == (done.returncode, len(done.stdout.splitlines()))
        assert done.stderr == "signalpy: this access is not recorded: the trail may not be written\n"
    assert before == picture()
    assert (tmp_path / "chosen").exists()
    assert [path.suffix for path in (cache / "signalpy").iterdir() if path.suffix == ".sqlite3"] == [".sqlite3"]


def test_an_access_that_cannot_be_recorded_is_told(run: Run, filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading goes on when the log takes no more, and says that this access is not recorded."""
    (filled / "lock").unlink()
    (filled / "lock").mkdir()
    result = run("query", "--store", "file:trail", "--limit", 1)
    assert (0, 2) == (result.exit_code, len(result.stdout.splitlines()))
    assert "signalpy: this access is not recorded: " in result.stderr


def test_neither_pydantic_nor_asyncio_is_imported(filled: Path, tmp_path: Path) -> None:
    """The command starts without what only a running application needs."""
    code = (
        "import sys; from signalpy.cli import root; "
        "root(['audit', 'query', '--store', 'file:trail'], standalone_mode=False); "
        "print(*({'pydantic', 'asyncio', 'rich'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert (0, "") == (done.returncode, done.stderr.strip())
