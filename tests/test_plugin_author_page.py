"""The page for authors of plugins: its files and commands, as they stand, make an installed, tested plugin."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "plugin-author.md").read_text()
FILES = re.compile(r"^`(?P<path>[\w./]+)`[^\n]*:\n\n```\w+\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files of the page, and an environment that sees what is installed beside these tests."""
    for found in FILES.finditer(PAGE):
        path = tmp_path / "plugin" / found["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(found["text"])
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "env"], check=True)
    scheme = {"base": str(tmp_path / "env"), "platbase": str(tmp_path / "env")}
    packages = Path(sysconfig.get_path("purelib", "venv", scheme))
    (packages / "beside.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    return tmp_path / "plugin"


def run(command: str, folder: Path) -> str:
    """Runs a command of the page in the environment; nothing is downloaded."""
    words = shlex.split(command)
    at = words.index("signalpy") if "signalpy" in words else None
    if at is not None:
        words[at : at + 1] = ["python", "-m", "signalpy"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("SIGNALPY", "PYTEST", "PIP"))}
    environment |= {"PATH": f"{folder.parent / 'env' / 'bin'}{os.pathsep}{environment['PATH']}"}
    environment |= {"PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert 0 == done.returncode, (command, done.stdout, done.stderr)
    return done.stdout


def test_the_page_makes_a_plugin(folder: Path) -> None:
    """Every command succeeds, and prints what the page shows."""
    blocks = "".join(CONSOLE.findall(PAGE))
    steps = [step.partition("\n") for step in re.split(r"^\$ ", blocks, flags=re.MULTILINE) if step]
    assert len(steps) > 4
    for command, _, shown in steps:
        printed = run(command, folder)
        pattern = ".*".join(re.escape(part) for part in shown.split("…"))
        assert re.fullmatch(pattern, printed, re.DOTALL), (command, printed)
