"""Builds every distribution and checks what would be published: `wheels.py DESTINATION`.

Needs build, twine, check-wheel-contents, validate-pyproject and deptry in the environment that runs it.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from workspace import ROOT, Distribution, distributions


def run(*command: str | Path, cwd: Path = ROOT) -> None:
    """Run a tool of this environment; its failure is ours.

    Raises:
        subprocess.CalledProcessError: the tool found fault.
    """
    print("+", *command, flush=True)
    subprocess.run([sys.executable, "-m", *map(str, command)], cwd=cwd, check=True)


def build(members: list[Distribution], destination: Path) -> None:
    """An sdist of each, and a wheel made from that sdist."""
    shutil.rmtree(destination, ignore_errors=True)
    for member in members:
        run("build", "--outdir", destination, member.folder)


def check(members: list[Distribution], destination: Path) -> None:
    """Metadata, wheel contents, and imports against declared dependencies."""
    run("validate_pyproject", *(member.folder / "pyproject.toml" for member in members))
    run("twine", "check", "--strict", *sorted(destination.iterdir()))
    run("check_wheel_contents", *sorted(destination.glob("*.whl")))
    for member in members:
        run("deptry", "src", cwd=member.folder)


def main() -> None:
    """Build, then check."""
    destination = (ROOT / sys.argv[1]).resolve()
    members = distributions()
    build(members, destination)
    check(members, destination)


if __name__ == "__main__":
    main()
