"""Builds every distribution and checks what would be published: `wheels.py DESTINATION`.

Needs build, twine, check-wheel-contents, validate-pyproject and deptry in the environment that runs it.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from workspace import ROOT, Distribution, distributions


def passes(*command: str | Path, cwd: Path = ROOT) -> bool:
    """Run a tool of this environment; whether it was content."""
    print("+", *command, flush=True)
    return subprocess.run([sys.executable, "-m", *map(str, command)], cwd=cwd, check=False).returncode == 0


def build(members: list[Distribution], destination: Path, *options: str) -> list[str]:
    """An sdist of each, and a wheel made from that sdist; returns what could not be built."""
    shutil.rmtree(destination, ignore_errors=True)
    command = ["build", *options, "--outdir", destination]
    return [member.name for member in members if not passes(*command, member.folder)]


def check(members: list[Distribution], destination: Path) -> list[str]:
    """Metadata, wheel contents, and imports against declared dependencies; returns the checks that found fault."""
    over_all: dict[str, list[str | Path]] = {
        "validate-pyproject": ["validate_pyproject", *(member.folder / "pyproject.toml" for member in members)],
        "twine": ["twine", "check", "--strict", *sorted(destination.iterdir())],
        "check-wheel-contents": ["check_wheel_contents", *sorted(destination.glob("*.whl"))],
    }
    faults = [name for name, command in over_all.items() if not passes(*command)]
    return faults + [f"deptry of {each.name}" for each in members if not passes("deptry", "src", cwd=each.folder)]


def main() -> None:
    """Build, then check what was built."""
    destination = (ROOT / sys.argv[1]).resolve()
    members = distributions()
    faults = build(members, destination) or check(members, destination)
    if faults:
        sys.exit(f"not fit to be published: {', '.join(faults)}; see above")


if __name__ == "__main__":
    main()
