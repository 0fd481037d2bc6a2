"""The page on what components do with each other: its programs run as they stand, and print what it shows."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "components.md").read_text()
PROGRAM = re.compile(r"^```python\n(?P<code>.*?)^```\n+^```text\n(?P<output>.*?)^```$", re.DOTALL | re.MULTILINE)
TITLES = re.findall(r"^## (.+)$", PAGE, re.MULTILINE)


@pytest.mark.parametrize("place", range(len(TITLES)), ids=TITLES)
def test_a_program_prints_what_the_page_shows(place: int, tmp_path: Path) -> None:
    """One program for each heading, with warnings as errors."""
    programs = list(PROGRAM.finditer(PAGE))
    assert len(TITLES) == len(programs) == PAGE.count("```python\n")
    command = [sys.executable, "-W", "error", "-c", programs[place]["code"]]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (programs[place]["output"], 0) == (done.stdout, done.returncode), done.stderr
