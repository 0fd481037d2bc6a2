"""``signalpy audit coverage``: nothing that can be done goes without a decision on its record."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


def coverage(folder: Path, configuration: str, *words: str) -> subprocess.CompletedProcess[str]:
    """The command, under a configuration, in a folder of its own."""
    (folder / "signalpy.toml").write_text(configuration)
    command = [sys.executable, "-m", "signalpy", "audit", "coverage", *words]
    environment = {**os.environ, "PYTHONPATH": str(folder / "site")}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)


def install(folder: Path, source: str) -> None:
    """A distribution with the component ``odd`` in a module of its own."""
    info = folder / "site" / "odd-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: odd\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[signalpy.components]\nodd = odd:Odd\n")
    (folder / "site" / "odd.py").write_text(source)


def told(folder: Path, configuration: str) -> dict[str, dict[str, Any]]:
    """What is said of each name."""
    return {each["name"]: each for each in json.loads(coverage(folder, configuration, "--json").stdout)}


ALL = '[policy."*"]\naudit = true\n'


def test_what_nobody_decided_is_unclassified_and_the_answer_is_no(tmp_path: Path) -> None:
    """Without a policy no call is classified; the trail's own runnables always are. Nothing is opened or made."""
    done = coverage(tmp_path, "")
    assert 1 == done.returncode
    assert "are unclassified; give each an audit level" in done.stderr
    found = told(tmp_path, "")
    assert ("unclassified", False) == (found["accounts.transfer"]["level"], found["accounts.transfer"]["classified"])
    assert "access" == found["audit-trail.query"]["level"]
    assert ("recorded", "*") == (found["account.*"]["level"], found["account.*"]["by"])
    assert ["signalpy.toml"] == [path.name for path in tmp_path.iterdir()]


def test_a_policy_for_all_classifies_all(tmp_path: Path) -> None:
    """Exit code 0; each level comes with the entry that gives it; the specific one wins; `false` decides, too."""
    configuration = f'{ALL}\n[policy."accounts.balance"]\naudit = false\n[policy.notifications]\naudit = "full"\n'
    done = coverage(tmp_path, configuration)
    assert (0, "") == (done.returncode, done.stderr)
    found = told(tmp_path, configuration)
    assert ("request", "*") == (found["accounts.transfer"]["level"], found["accounts.transfer"]["by"])
    assert ("off", "accounts.balance") == (found["accounts.balance"]["level"], found["accounts.balance"]["by"])
    assert ("full", "notifications") == (found["notifications.send"]["level"], found["notifications.send"]["by"])


def test_an_event_that_is_not_recorded_is_to_be_exempt(tmp_path: Path) -> None:
    """By a pattern in [audit-trail.coverage]."""
    narrow = f'{ALL}\n[audit-trail]\nevents = ["notification.*"]\n'
    assert 1 == coverage(tmp_path, narrow).returncode
    assert "unclassified" == told(tmp_path, narrow)["account.*"]["level"]
    exempt = f'{narrow}[audit-trail.coverage]\nexempt = ["account.*", "cloudtrail.*", "aws.*"]\n'
    assert "exempt" == told(tmp_path, exempt)["account.*"]["level"]


def test_the_privacy_rules_that_are_about_it_are_named(tmp_path: Path) -> None:
    """Of calls and events; and what becomes of the rest."""
    rules = (
        f'{ALL}\n[audit-trail.privacy]\ndefault = "redact"\n'
        '[[audit-trail.privacy.rules]]\ntype = "accounts.*"\nfield = "params.amount"\naction = "keep"\n'
    )
    found = told(tmp_path, rules)
    assert ["keep params.amount", "redact the rest"] == found["accounts.transfer"]["privacy"]
    assert ["redact the rest"] == found["notifications.send"]["privacy"]


@pytest.mark.parametrize("wrong", ['[audit-trail]\nevnts = ["*"]\n', '[audit-trail.privacy]\ndefault = "hide"\n'])
def test_a_wrong_configuration_is_one_line(tmp_path: Path, wrong: str) -> None:
    """Exit code 2."""
    done = coverage(tmp_path, wrong)
    assert (2, "", 1) == (done.returncode, done.stdout, done.stderr.count("\n"))


@pytest.mark.parametrize("source", ["raise RuntimeError", "import sys; sys.exit(0)", "class Odd: ...", "Odd = None"])
def test_what_cannot_be_imported_is_unclassified(tmp_path: Path, source: str) -> None:
    """A component that is broken today may do anything tomorrow: the answer of a CI is no."""
    install(tmp_path, source)
    done = coverage(tmp_path, ALL)
    assert (1, 2) == (done.returncode, done.stderr.count("\n"))
    assert done.stderr.startswith("signalpy: odd is left out")
    found = told(tmp_path, ALL)["odd"]
    assert ("component", "unclassified", False) == (found["kind"], found["level"], found["classified"])
    denied = f'{ALL}[plugins]\ndeny = ["odd"]\n'
    assert 0 == coverage(tmp_path, denied).returncode


LOUD = """
print("imported")
from signalpy import component, runnable, subscribe

@component("odd", version="1", emits=["odd.made"])
class Odd:
    def __init__(self): open("made", "w")

    @runnable("go")
    async def go(self, params): await self.rt.publish("odd.hidden", {})

    @subscribe("odd.made")
    async def on_made(self, event_type, data): ...

    @subscribe("order.shipped")
    async def on_shipped(self, event_type, data): ...

    @subscribe("payment.*")
    async def on_payment(self, event_type, data): ...
"""


def test_events_that_somebody_waits_for_are_known(tmp_path: Path) -> None:
    """Under one name, also if nobody says that he publishes it. Nothing is started; what is printed is no answer."""
    install(tmp_path, LOUD)
    narrow = f'{ALL}\n[audit-trail]\nevents = ["odd.*"]\n'
    found = told(tmp_path, narrow)
    assert ("unclassified", "-") == (found["order.shipped"]["level"], found["order.shipped"]["component"])
    assert ("recorded", "odd") == (found["odd.made"]["level"], found["odd.made"]["component"])
    assert not {"payment.*", "odd.hidden"} & found.keys()
    assert "request" == found["odd.go"]["level"]
    assert 1 == coverage(tmp_path, narrow).returncode
    assert {"site", "signalpy.toml"} == {path.name for path in tmp_path.iterdir()}
