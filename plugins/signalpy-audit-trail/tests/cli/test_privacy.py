"""Keys and erasure on the command line, beside applications that run and those that do not."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import pwd
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from signalpy import Kernel
from signalpy_audit_trail import AuditTrail

Run = Callable[..., Result]
Records = Callable[[], list[dict[str, Any]]]
RULES = [
    {"type": "mail.*", "field": "text", "action": "encrypt", "subject": "to"},
    {"type": "mail.*", "field": "card", "action": "tokenize"},
    {"type": "mail.*", "field": "to", "action": "hash"},
]


@pytest.fixture
def mails(root: Path, run: Run) -> Path:
    """A trail with mails to zoe and bob, in ``trail`` below the folder in which the command runs."""

    async def write() -> None:
        kernel = Kernel(config={"audit-trail": {"store": f"file://{root}", "privacy": {"rules": RULES}}})
        kernel.discover([AuditTrail])
        async with kernel:
            for to in ("zoe", "bob"):
                data = {"to": to, "text": f"secret of {to}", "card": 4242}
                await kernel.bus.publish("mail.sent", data, subject=to, actor="alice")

    asyncio.run(write())
    return root


def lines(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.mark.parametrize("command", ["query --type mail.* --order asc", "query --subject zoe --all", "tail -n 20"])
def test_records_are_shown_readable(run: Run, mails: Path, command: str) -> None:
    """Whoever may read the keys sees what is encrypted; all else is the stored line."""
    result = run(*command.split(), "--store", "file:trail", "--json")
    assert (0, "") == (result.exit_code, result.stderr)
    found = [line for line in lines(result) if line["action"] == "mail.sent"]
    assert "secret of zoe" == found[0]["data"]["text"]
    stored = (mails / "00000000000000000000.jsonl").read_text().splitlines()
    assert all(line in stored for line in result.stdout.splitlines() if "mail.sent" not in line)


def test_the_record_of_a_command_does_not_name_whom_the_trail_hides(run: Run, mails: Path, records: Records) -> None:
    """What was asked for is recorded as it is stored."""
    hashed = run("token", "zoe", "--store", "file:trail").stdout.strip()
    run("query", "--subject", "zoe", "--store", "file:trail")
    assert {"subject": hashed} == records()[-1]["data"]["filters"]
    assert "zoe" not in json.dumps(records())


def test_without_keys_it_is_said_what_is_missing(run: Run, mails: Path, tmp_path: Path, records: Records) -> None:
    """What is encrypted is shown as it is stored, and nobody is found by a name that is hashed, nor named."""
    (tmp_path / "trail.keys").rename(tmp_path / "elsewhere")
    result = run("query", "--type", "mail.*", "--store", "file:trail", "--json")
    assert {"$encrypted"} == set(lines(result)[0]["data"]["text"])
    assert "signalpy: 2 encrypted values are shown as stored: no key\n" == result.stderr
    result = run("query", "--subject", "zoe", "--store", "file:trail")
    assert "cannot be found by name without the HMAC secret" in result.stderr
    assert {"subject": "[redacted]"} == records()[-1]["data"]["filters"]
    for command in (["erase", "--subject", "zoe", "--reason", "x"], ["token", "zoe"], ["rotate-kek"]):
        result = run(*command, "--store", "file:trail")
        assert (2, "", 1) == (result.exit_code, result.stdout, len(result.stderr.splitlines()))
        assert "there are no keys beside this trail" in result.stderr


def test_keys_that_do_not_fit_are_told_in_one_line(run: Run, mails: Path, tmp_path: Path) -> None:
    """Reading goes on without them; what needs them does not."""
    (tmp_path / "trail.keys" / "kek.key").write_bytes(base64.b64encode(b"x" * 32))
    result = run("query", "--type", "mail.*", "--store", "file:trail", "--json")
    assert (0, 2, 1) == (result.exit_code, len(lines(result)), len(result.stderr.splitlines()))
    assert "expected the key" in result.stderr
    result = run("erase", "--subject", "zoe", "--reason", "x", "--store", "file:trail")
    assert (2, 1) == (result.exit_code, len(result.stderr.splitlines()))
    assert "expected the key" in result.stderr


def test_a_person_is_erased(run: Run, mails: Path, records: Records) -> None:
    """The record says who, when and why; a second time there is nothing to do; the trail still verifies."""
    result = run("erase", "--subject", "zoe", "--reason", "zoe asked", "--store", "file:trail")
    assert (0, "1 key destroyed; what was encrypted with it cannot be read any more\n") == (
        result.exit_code,
        result.stdout,
    )
    record = records()[-1]
    assert ("erasure", "audit-trail.erase", pwd.getpwuid(os.geteuid()).pw_name) == (
        record["kind"],
        record["action"],
        record["actor"],
    )
    assert "[redacted] asked" == record["data"]["reason"]
    shown = lines(run("query", "--type", "mail.*", "--order", "asc", "--store", "file:trail", "--json"))
    assert [{"$erased": True}, "secret of bob"] == [line["data"]["text"] for line in shown]
    again = run("erase", "--subject", "zoe", "--reason", "again", "--store", "file:trail", "--json")
    assert (0, False) == (again.exit_code, json.loads(again.stdout)["erased"])
    assert ("access", "audit-trail.erase") == (records()[-1]["kind"], records()[-1]["action"])
    never = run("erase", "--subject", "zoo", "--reason", "typing error", "--store", "file:trail")
    assert (1, "nothing to erase: no key was ever made for this subject\n") == (never.exit_code, never.stdout)
    assert 0 == run("verify", "--store", "file:trail").exit_code


def test_a_person_is_erased_in_a_copy_that_was_made_before(run: Run, mails: Path, tmp_path: Path) -> None:
    """The keys are gone for every copy of the log."""
    assert 0 == run("snapshot", "copy", "--store", "file:trail").exit_code
    run("erase", "--subject", "zoe", "--reason", "x", "--store", "file:trail")
    shutil.copytree(tmp_path / "trail.keys", tmp_path / "copy.keys")
    shown = lines(run("query", "--type", "mail.*", "--order", "asc", "--store", "file:copy", "--json"))
    assert [{"$erased": True}, "secret of bob"] == [line["data"]["text"] for line in shown]


def test_what_must_be_given_is_said(run: Run, mails: Path, records: Records) -> None:
    """Wrong usage is one line, exit code 2, and no record."""
    before = len(records())
    for options in (
        ("--subject", "zoe"),
        ("--reason", "x"),
        ("--subject", "", "--reason", "x"),
        ("--subject", "a", "--reason", " "),
    ):
        result = run("erase", *options, "--store", "file:trail")
        assert (2, "", 1) == (result.exit_code, result.stdout, len(result.stderr.splitlines()))
    assert before == len(records())


def test_a_trail_that_may_not_be_written_is_not_erased(run: Run, mails: Path) -> None:
    """Since it could not be recorded."""
    for path in (mails, *mails.iterdir()):
        path.chmod(0o500 if path.is_dir() else 0o400)
    result = run("erase", "--subject", "zoe", "--reason", "x", "--store", "file:trail")
    assert (2, 1) == (result.exit_code, len(result.stderr.splitlines()))
    assert "may not be written" in result.stderr
    mails.chmod(0o700)


def test_the_stored_form_of_a_value(run: Run, mails: Path, records: Records) -> None:
    """Hash and token of a value, and the value of a token, which is recorded."""
    event = next(record for record in records() if record["action"] == "mail.sent")
    assert event["data"]["to"] == run("token", "zoe", "--store", "file:trail").stdout.strip()
    assert [event["data"]["to"]] == event["subjects"]
    before = len(records())
    assert event["data"]["card"] != run("token", "4242", "--tokenized", "--store", "file:trail").stdout.strip()
    assert before == len(records())
    assert "4242\n" == run("token", event["data"]["card"], "--reveal", "--store", "file:trail").stdout
    assert ("audit-trail.token", {"token": event["data"]["card"]}) == (
        records()[-1]["action"],
        records()[-1]["data"]["filters"],
    )
    unknown = run("token", "tok_unknown", "--reveal", "--store", "file:trail")
    assert (1, "signalpy: the vault holds no such token\n") == (unknown.exit_code, unknown.stderr)
    assert 2 == run("token", "x", "--reveal", "--tokenized", "--store", "file:trail").exit_code


def test_the_key_encryption_key_is_rotated(run: Run, mails: Path, tmp_path: Path) -> None:
    """In its place, or to one from elsewhere, which the configuration then must name."""
    before = (tmp_path / "trail.keys" / "kek.key").read_bytes()
    result = run("rotate-kek", "--store", "file:trail")
    assert (0, "", True) == (result.exit_code, result.stderr, result.stdout.startswith("3 keys are wrapped"))
    assert before != (tmp_path / "trail.keys" / "kek.key").read_bytes()
    (tmp_path / "new.key").write_bytes(base64.b64encode(b"n" * 32))
    (tmp_path / "new.key").chmod(0o600)
    result = run("rotate-kek", "--to", "file:new.key", "--store", "file:trail")
    assert 0 == result.exit_code
    assert 'signalpy: now set [audit-trail.privacy] key_encryption_key = "file:new.key"\n' == result.stderr
    assert "expected the key" in run("query", "--type", "mail.*", "--store", "file:trail").stderr
    (tmp_path / "signalpy.toml").write_text(
        '[audit-trail]\nstore = "file:trail"\n[audit-trail.privacy]\nkey_encryption_key = "file:new.key"\n'
    )
    result = run("query", "--type", "mail.*", "--json")
    assert (["secret of bob", "secret of zoe"], "") == (
        [line["data"]["text"] for line in lines(result)],
        result.stderr,
    )
    for to in ("abc", "file:nothing"):
        result = run("rotate-kek", "--to", to)
        assert (2, 1) == (result.exit_code, len(result.stderr.splitlines()))
