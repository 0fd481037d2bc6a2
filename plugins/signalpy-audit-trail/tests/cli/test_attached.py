"""``signalpy --attach PATH audit …``: a process that runs is asked for its own trail, and records who asked."""

from __future__ import annotations

import json
import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from signalpy_audit_trail.commit import commit
from signalpy_audit_trail.stores.file import FileStore

ME = pwd.getpwuid(os.geteuid()).pw_name
FILE = """
[kernel]
socket = "s"

[plugins]
allow = ["signalpy-audit-trail"]

[audit-trail]
store = "file:trail"
max_record = "20MiB"
"""
SHOP = '''
from signalpy import component, runnable


@component("shop", version="1.0")
class Shop:
    """Sells."""

    @runnable("sell", description="Sells one")
    async def sell(self):
        await self.rt.publish("shop.sold", {"to": "ä\\u202e"}, subject="order:1")
        return {"ok": True}
'''
Done = subprocess.CompletedProcess[str]
Signalpy = Callable[..., Done]


@pytest.fixture
def signalpy(tmp_path: Path) -> Signalpy:
    """A command beside the process."""

    def run(*words: object, **environ: str) -> Done:
        command = [sys.executable, "-m", "signalpy", *map(str, words)]
        return subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, timeout=60, env={**os.environ, **environ}
        )

    return run


@pytest.fixture
def start(tmp_path: Path, signalpy: Signalpy) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts ``signalpy run`` until its socket answers; what a test leaves running is stopped."""
    (tmp_path / "signalpy.toml").write_text(FILE)
    (tmp_path / "shop.py").write_text(SHOP)
    started: list[subprocess.Popen[str]] = []

    def run(more: str = "") -> subprocess.Popen[str]:
        (tmp_path / "signalpy.toml").write_text(FILE + more)
        command = [sys.executable, "-m", "signalpy", "run", "--plugin", "shop.py:Shop"]
        process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        started.append(process)
        for _ in range(300):
            if '"running"' in signalpy("--attach", "s", "status", "--json").stdout:
                break
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
        assert 0 == process.returncode


def lines(done: Done) -> list[dict[str, Any]]:
    assert 0 == done.returncode, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_query_tells_what_it_tells_without_the_process(start: Any, signalpy: Signalpy) -> None:
    """The same filters, the same table, the very bytes that are stored, the same counts, the same messages."""
    start()
    for _ in range(3):
        assert 0 == signalpy("--attach", "s", "invoke", "shop.sell").returncode
    for options in (
        ("--type", "shop.*"),
        ("--type", "shop.*", "--json"),
        ("--type", "shop.*", "--json", "--order", "asc", "--all", "--until", "9999-01-01"),
        ("--subject", "order:1", "--outcome", "success", "--caller", "shop", "--limit", "2", "--no-intents"),
        ("--actor", "nobody"),
        ("--count-by", "subject", "--kind", "event"),
        ("--count-by", "subject", "--kind", "event", "--json"),
        ("--kind", "lifecycle", "--until", "24h"),
    ):
        inside = signalpy("--attach", "s", "audit", "query", *options)
        outside = signalpy("audit", "query", *options, "--store", "file:trail")
        if "--limit" not in options:
            assert outside.stderr == inside.stderr
        assert (outside.stdout, 0) == (inside.stdout, inside.returncode), inside.stderr


def test_pages_go_on_with_a_cursor(start: Any, signalpy: Signalpy) -> None:
    """One page and a cursor; it goes on inside and outside alike."""
    start()
    for _ in range(3):
        signalpy("--attach", "s", "invoke", "shop.sell")
    asked = ("audit", "query", "--type", "shop.*", "--json", "--limit", 2)
    first = signalpy("--attach", "s", *asked)
    cursor = first.stderr.split("--cursor ")[1].split()[0]
    inside = signalpy("--attach", "s", *asked, "--cursor", cursor)
    outside = signalpy(*asked, "--cursor", cursor)
    assert [2, 1, 1] == [len(lines(done)) for done in (first, inside, outside)]
    assert outside.stdout == inside.stdout


def test_what_no_message_holds_comes_in_parts(start: Any, signalpy: Signalpy, tmp_path: Path, make: Any) -> None:
    """Escapes make the records longer than any message may be; a page at a time, all are printed."""
    store = FileStore(tmp_path / "trail")
    for number in range(6):
        commit(store, [make(action="big.one", data={"n": number, "text": "\x7f" * (4 << 20)})])
    store.close()
    start()
    done = signalpy("--attach", "s", "audit", "query", "--type", "big.*", "--limit", 5, "--order", "asc", "--json")
    assert ([0, 1, 2, 3, 4], 0) == ([record["data"]["n"] for record in lines(done)], done.returncode)
    assert "there are more: --cursor" in done.stderr
    done = signalpy("--attach", "s", "audit", "query", "--type", "big.*", "--all")
    assert 7 == len(done.stdout.splitlines())
    kept = lines(signalpy("--attach", "s", "audit", "query", "--kind", "access", "--json", "--all"))
    assert max(entry["data"]["returned"] for entry in kept) <= 2


def test_every_use_is_found_in_the_trail(start: Any, signalpy: Signalpy, tmp_path: Path) -> None:
    """With the user at the other end as the actor, on behalf of whom he names, and from which process."""
    start()

    def attach(*words: object) -> Done:
        done = signalpy("--attach", "s", *words)
        assert 0 == done.returncode, done.stderr
        return done

    attach("why", "shop")
    attach("status")
    attach("plugins")
    attach("invoke", "shop.sell", "--actor", "alice")
    attach("policy", "explain", "kernel", "shop.sell")
    receipt = json.loads(attach("policy", "set", "shop", '{"audit": "full"}').stdout)
    attach("invoke", "shop.sell", "--actor", "bob")
    attach("reload")
    attach("audit", "status")
    attach("audit", "query", "--actor", "carol")
    (tmp_path / "signalpy.toml").write_text("[policy.other]\naudt = true\n")
    assert 2 == signalpy("--attach", "s", "reload").returncode
    (tmp_path / "signalpy.toml").write_text(FILE)

    found = lines(attach("audit", "query", "--actor", ME, "--json", "--order", "asc"))
    uses = [entry for entry in found if entry["action"] not in ("kernel.control.plugins", "shop.sold")]
    uses = uses[next(at for at, entry in enumerate(uses) if entry["action"] == "kernel.control.why") :]
    assert [
        ("lifecycle", "kernel.control.why", "success"),
        ("lifecycle", "kernel.control.status", "success"),
        ("lifecycle", "kernel.control.invoke", "success"),
        ("lifecycle", "kernel.control.policy.explain", "success"),
        ("policy", "kernel.policy.changed", "success"),
        ("invoke", "shop.sell", "success"),
        ("lifecycle", "kernel.control.reload", "success"),
        ("lifecycle", "kernel.control.invoke", "success"),
        ("access", "audit-trail.query", "success"),
        ("lifecycle", "kernel.control.reload", "failure"),
    ] == [(entry["kind"], entry["action"], entry["outcome"]) for entry in uses]
    by_action = {entry["action"]: entry for entry in uses}
    assert {(os.geteuid(), str(tmp_path / "s"))} == {
        (entry["client"]["uid"], entry["client"]["socket"]) for entry in uses
    }
    assert all(entry["client"]["pid"] != os.getpid() for entry in uses)
    assert "bob" == by_action["shop.sell"]["on_behalf_of"]
    assert {"command": "why", "params": {"name": "shop"}} == by_action["kernel.control.why"]["data"]
    assert {"actor": "carol", "returned": 0} == {
        "actor": by_action["audit-trail.query"]["data"]["filters"]["actor"],
        "returned": by_action["audit-trail.query"]["data"]["returned"],
    }
    assert "PolicyError" == by_action["kernel.control.reload"]["error"]["type"]
    targets = [entry["data"]["params"]["target"] for entry in uses if entry["action"] == "kernel.control.invoke"]
    assert ["shop.sell", "audit-trail.status"] == targets

    [change] = [entry for entry in found if entry["correlation_id"] == receipt["correlation_id"]]
    [kept] = receipt["receipts"]
    assert change["seq"] == kept["seq"]
    assert {"audit": "full"} == change["data"]["after"]["shop"]


def test_who_came_through_sudo_is_on_record(start: Any, signalpy: Signalpy) -> None:
    """Beside the actor, as sudo names him; whom a call is said to be for comes before that."""
    start()
    done = signalpy("--attach", "s", "policy", "set", "shop", '{"audit": true}', SUDO_USER="alice")
    assert 0 == done.returncode, done.stderr
    signalpy("--attach", "s", "invoke", "shop.sell", "--actor", "bob", SUDO_USER="alice")
    signalpy("--attach", "s", "why", "shop", SUDO_USER="")
    found = lines(signalpy("audit", "query", "--actor", ME, "--json", "--order", "asc"))
    names = {entry["action"]: entry.get("on_behalf_of") for entry in found}
    assert ["alice", "bob", None] == [
        names[name] for name in ("kernel.policy.changed", "shop.sell", "kernel.control.why")
    ]


def test_whom_the_policies_refuse_reads_nothing(start: Any, signalpy: Signalpy) -> None:
    """The answer is no, the exit code 1, and the attempt is in the trail."""
    start('\n[policy.kernel]\ninvoke_deny = ["audit-trail.query"]\n')
    done = signalpy("--attach", "s", "audit", "query")
    assert (1, "") == (done.returncode, done.stdout)
    assert 1 == len(done.stderr.splitlines())
    assert "kernel may not invoke audit-trail.query" in done.stderr
    assert "invoke_deny" in done.stderr
    [kept] = lines(signalpy("audit", "query", "--outcome", "denied", "--json"))
    assert (ME, "audit-trail.query") == (kept["actor"], kept["action"])


def test_status_is_told_from_inside(start: Any, signalpy: Signalpy) -> None:
    """What only the process knows: its mode, and what waits."""
    start()
    found = json.loads(signalpy("--attach", "s", "audit", "status", "--json").stdout)
    assert {"healthy": True, "mode": "standard", "queued": 0}.items() <= found.items()
    told = signalpy("--attach", "s", "audit", "status").stdout.splitlines()
    assert [["queued_bytes", "0"], ["mode", "standard"]] == [told[4].split(), told[6].split()]


def test_what_is_said_of_runnables_instead_holds(start: Any, signalpy: Signalpy) -> None:
    """An export and an erasure are calls, and records, like a query."""
    start()
    signalpy("--attach", "s", "invoke", "shop.sell")
    asked = '{"format": "csv", "type": "shop.*"}'
    page = json.loads(signalpy("--attach", "s", "invoke", "audit-trail.export", asked).stdout)
    assert (1, True) == (page["records"], "shop.sold" in page["content"])
    asked = '{"subject": "zoe", "reason": "asked for it"}'
    assert not json.loads(signalpy("--attach", "s", "invoke", "audit-trail.erase", asked).stdout)["erased"]
    kept = lines(signalpy("audit", "query", "--actor", ME, "--kind", "access", "--json"))
    assert ["audit-trail.erase", "audit-trail.export"] == [entry["action"] for entry in kept]


def test_the_end_and_the_numbers_of_the_trail(start: Any, signalpy: Signalpy) -> None:
    """As without the process, but for the records that the commands themselves leave."""
    start()
    signalpy("--attach", "s", "invoke", "shop.sell")
    outside = lines(signalpy("audit", "tail", "--json", "-n", 3))
    *inside, access = lines(signalpy("--attach", "s", "audit", "tail", "--json", "-n", 4))
    assert (outside, "audit-trail.tail") == (inside, access["action"])
    assert "" == signalpy("--attach", "s", "audit", "tail", "-n", 0).stdout
    for _ in range(3):
        signalpy("--attach", "s", "invoke", "shop.sell")
    head, *rows = [line.split() for line in signalpy("--attach", "s", "audit", "tail").stdout.splitlines()]
    first = int(rows[0][0])
    assert ("SEQ", [*range(first, first + 10)]) == (head[0], [int(cells[0]) for cells in rows])
    told = json.loads(signalpy("--attach", "s", "audit", "summary", "--json").stdout)
    later = json.loads(signalpy("audit", "summary", "--json").stdout)
    assert (later["origin"], later["size"] - 1, list(later)) == (told["origin"], told["size"], list(told))
    *_, kept = lines(signalpy("audit", "query", "--type", "audit-trail.summary", "--json"))
    assert ("access", ME, True) == (kept["kind"], kept["actor"], kept["client"]["socket"].endswith("/s"))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("verify",), "audit verify goes without --attach: leave it out, it works beside a process that runs"),
        (("prove", "1"), "The process answers audit query, status, summary, tail."),
        (("tail", "-f"), "--follow goes without --attach"),
        (("erase",), "signalpy --attach PATH invoke audit-trail.erase JSON"),
        (("query", "--store", "x"), "--store goes without --attach"),
        (("status", "--index", "x"), "--index goes without --attach"),
        (("query", "--limit", "0"), "limit: expected a whole number from 1 to 1000, found 0"),
        (("query", "--cursor", "x"), "no process serves at s"),
        (("query",), "no process serves at s: there is no such socket"),
        (("qery",), "did you mean"),
    ],
)
def test_what_cannot_be_asked_is_one_line(signalpy: Signalpy, words: tuple[str, ...], told: str) -> None:
    """With what can be asked instead; exit code 2."""
    done = signalpy("--attach", "s", "audit", *words)
    assert (2, "", 1) == (done.returncode, done.stdout, len(done.stderr.splitlines())), done.stderr
    assert told.lower() in done.stderr.lower()


def test_a_process_without_a_trail_says_so(start: Any, signalpy: Signalpy, tmp_path: Path) -> None:
    """In a line, with the name of what is missing."""
    start("\n[unused]\n")
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "signalpy.toml").write_text('[kernel]\nsocket = "s"\n[plugins]\nallow = []\n')
    command = [sys.executable, "-m", "signalpy", "run", "--safe"]
    with subprocess.Popen(command, cwd=tmp_path / "bare", stderr=subprocess.DEVNULL) as bare:
        try:
            for _ in range(300):
                if signalpy("--attach", "bare/s", "status").returncode == 0:
                    break
                time.sleep(0.05)
            done = signalpy("--attach", "bare/s", "audit", "query")
        finally:
            bare.terminate()
    assert (2, "", 1) == (done.returncode, done.stdout, len(done.stderr.splitlines()))
    assert "audit-trail" in done.stderr
