"""Logging on stderr: for whom, and what the lines look like."""

from __future__ import annotations

import json
import logging
import subprocess
import sys

import pytest

from signalpy.logs import OneLine

CODE = """
import logging
{before}
from signalpy.logs import to_stderr
to_stderr({level!r}, tracebacks={tracebacks})
logging.getLogger("signalpy.audit").info("%s", '{{"action":"invoke"}}')
logging.getLogger("signalpy.kernel").info("for your information")
try:
    1 / 0
except ZeroDivisionError:
    logging.getLogger("signalpy.kernel").exception("it broke\\nbadly")
"""


def lines(level: str = "INFO", *, tracebacks: bool = True, before: str = "") -> list[str]:
    code = CODE.format(level=level, tracebacks=tracebacks, before=before)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stderr.splitlines()


def test_policy_lines_are_bare_json() -> None:
    """A policy line is the JSON object and nothing else; other lines have time, level and logger."""
    found = lines()
    assert {"action": "invoke"} == json.loads(found[0])
    assert found[1].endswith(" INFO signalpy.kernel: for your information")
    assert "Traceback (most recent call last):" in found


def test_without_tracebacks() -> None:
    """For a command's reader an error is one line."""
    assert ["error: it broke badly: ZeroDivisionError: division by zero"] == lines("WARNING", tracebacks=False)


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("it broke", "error: it broke: ValueError: bad amount"),
        ("it broke: ValueError", "error: it broke: ValueError: bad amount"),
        ("it broke: bad amount", "error: it broke: bad amount"),
    ],
)
def test_nothing_is_said_twice(message: str, line: str) -> None:
    """What the message says already of the exception is not added to it."""
    record = logging.LogRecord("x", logging.ERROR, "", 0, message, (), (ValueError, ValueError("bad\namount"), None))
    assert line == OneLine().format(record)


def test_the_level_counts_for_policy_lines_too() -> None:
    """Above INFO there are none."""
    assert not [line for line in lines("WARNING") if line.startswith("{")]


def test_an_application_that_has_set_up_logging_keeps_it() -> None:
    """Handlers that are there already are left alone, the policy lines go to them."""
    before = 'logging.basicConfig(level="INFO", format="mine %(message)s")'
    assert ['mine {"action":"invoke"}', "mine for your information"] == lines("WARNING", before=before)[:2]
