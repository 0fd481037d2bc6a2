"""``signalpy audit coverage``: nothing that can be done goes without a decision on its record."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


def coverage(folder: Path, configuration: str, *words: str) -> subprocess.CompletedProcess[str]:
    """The command, under a configuration, in a folder of its own."""
    (folder / "signalpy.toml").write_text(configuration)
    command = [sys.executable, "-m", "signalpy", "audit", "coverage", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)


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
