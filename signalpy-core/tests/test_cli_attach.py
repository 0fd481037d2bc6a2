"""`signalpy --attach PATH` against `signalpy run` on a real socket, and `signalpy policy` on a file."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Serving, Site

FILE = '[kernel]\nsocket = "{socket}"\n[plugins]\nallow = ["acme-clock"]\n[policy.clock]\naudit = "metadata"\n'


@pytest.fixture
def socket() -> Iterator[str]:
    """A path that is short enough for a socket."""
    folder = Path(tempfile.mkdtemp(prefix="sp-", dir="/tmp"))
    yield str(folder / "s")
    shutil.rmtree(folder)


@pytest.fixture
def attached(site: Site, serving: Callable[..., Serving], socket: str) -> Serving:
    """A process that serves at the socket, with one component."""
    site.component("acme-clock", "clock")
    (site.root.parent / "signalpy.toml").write_text(FILE.format(socket=socket))
    process = serving()
    process.until("running:")
    return process


def test_what_runs_is_told(site: Site, attached: Serving, socket: str) -> None:
    """Status, live states, and why: of that process, not of metadata."""
    status = json.loads(site.signalpy("--attach", socket, "status", "--json").stdout)
    assert ("running", attached.process.pid) == (status["state"], status["pid"])
    rows = json.loads(site.signalpy("plugins", "--json", "--attach", socket).stdout)
    assert {"config": "active", "clock": "active"} == {r["name"]: r["state"] for r in rows if r["state"] != "denied"}
    assert "clock: active (acme-clock 1.0)\n" == site.signalpy("why", "clock", f"--attach={socket}").stdout
    unknown = site.signalpy("--attach", socket, "why", "clok")
    assert (2, 1) == (unknown.returncode, len(unknown.stderr.splitlines()))


def test_calls_and_policies(site: Site, attached: Serving, socket: str) -> None:
    """A policy that is set counts for the next call, and its denial is a no."""
    assert '"pong from clock"\n' == site.signalpy("--attach", socket, "invoke", "clock.ping").stdout
    done = site.signalpy("--attach", socket, "policy", "set", "kernel", '{"invoke_deny": ["clock.*"]}')
    changed = json.loads(done.stdout)
    assert ("kernel", None, {"invoke_deny": ["clock.*"]}) == (changed["name"], changed["before"], changed["after"])
    refused = site.signalpy("--attach", socket, "invoke", "clock.ping")
    assert (1, "", 1) == (refused.returncode, refused.stdout, len(refused.stderr.splitlines()))
    explained = site.signalpy("--attach", socket, "policy", "explain", "kernel", "clock.ping", "--json")
    assert (False, "run time") == (
        (found := json.loads(explained.stdout))["allowed"],
        next(line["source"] for line in found["lines"] if line["key"] == "invoke_deny"),
    )
    wrong = site.signalpy("--attach", socket, "policy", "set", "kernel", '{"invoke_denny": []}')
    assert (2, True) == (wrong.returncode, "invoke_deny" in wrong.stderr)


def test_reload(site: Site, attached: Serving, socket: str) -> None:
    """A wrong file is refused in a line, and changes nothing."""
    good = attached.file.read_text()
    assert 0 == site.signalpy("--attach", socket, "reload").returncode
    attached.write(good + "wrong = 1\n")
    refused = site.signalpy("--attach", socket, "-c", "/dev/null", "reload")
    assert (2, 1) == (refused.returncode, len(refused.stderr.splitlines()))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["status"], "signalpy --attach PATH status"),
        (["reload"], "signalpy --attach PATH reload"),
        (["policy", "set", "a", "{}"], "signalpy --attach PATH policy set"),
        (["--attach", "nowhere", "status"], "no process serves at nowhere"),
        (["--attach", "nowhere", "run"], "leave out --attach"),
        (["--attach", "nowhere", "plugins", "--boot"], "--boot goes without --attach"),
        (["--attach", "nowhere", "invoke", "a.b", "--safe"], "goes without --attach"),
        (["status", "--attach"], "requires an argument"),
    ],
)
def test_what_makes_no_sense_costs_a_line(site: Site, arguments: list[str], words: str) -> None:
    """Exit code 2, and what to do."""
    done = site.signalpy(*arguments)
    assert (2, "", 1) == (done.returncode, done.stdout, len(done.stderr.splitlines()))
    assert words in done.stderr


class TestOffline:
    def test_check_lists_every_finding(self, site: Site) -> None:
        """Wrong keys and names of nothing, each in a line; no plugin is imported."""
        site.component("acme-clock", "clock")
        file = site.root.parent / "signalpy.toml"
        file.write_text("[policy.clock]\naudit = true\n")
        assert 0 == site.signalpy("policy", "check").returncode
        file.write_text("[policy.clok]\naudit = true\n[policy.clock]\naudi = true\nrequire_actor = 3\n")
        done = site.signalpy("policy", "check", "--json")
        found = {(item["entry"], item["key"]) for item in json.loads(done.stdout)}
        assert (1, {("clok", ""), ("clock", "audi"), ("clock", "require_actor")}) == (done.returncode, found)
        assert not site.imported

    def test_explain_names_the_entry(self, site: Site) -> None:
        """The verdict in a line, then the entry that gives each key; for calls and events."""
        site.component("acme-clock", "clock")
        (site.root.parent / "signalpy.toml").write_text('[policy.clock]\npublish_deny = ["day.*"]\naudit = "full"\n')
        called = site.signalpy("policy", "explain", "kernel", "clock.ping").stdout
        assert "kernel may invoke clock.ping; audited at level full" == called.splitlines()[0]
        told = site.signalpy("policy", "explain", "clock", "day.begun", "--publish", "--json")
        assert not json.loads(told.stdout)["allowed"]
        assert not site.imported
