"""Puts what the distributions depend on at the oldest versions that they allow, into this environment."""

import subprocess
import sys
from collections.abc import Iterable

from packaging.requirements import Requirement
from packaging.version import Version
from workspace import distributions


def floors(dependants: Iterable[tuple[str, list[str]]]) -> list[str]:
    """`name==version` for each third-party dependency; the newest floor where distributions differ.

    :param dependants: distributions, each with what it requires.
    :raises SystemExit: a dependency has no floor.
    """
    ours = {member.name for member in distributions()}
    found: dict[str, str] = {}
    for dependant, requirements in dependants:
        for text in requirements:
            requirement = Requirement(text)
            if requirement.name in ours:
                continue
            lowest = [each.version for each in requirement.specifier if each.operator == ">="]
            if not lowest:
                sys.exit(f"{dependant}: expected a lowest version, as in 'name>=1.2', found {text!r}")
            found[requirement.name] = max(lowest[0], found.get(requirement.name, "0"), key=Version)
    return [f"{name}=={version}" for name, version in sorted(found.items())]


MODERN = ["twine"]
"""Tools of the tests that go with no old dependency; what needs them does not run here."""


def main() -> None:
    """Install them, and ask pip whether that is consistent."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    wanted = floors((member.name, member.requirements) for member in distributions())
    print(*wanted, flush=True)
    subprocess.run([*pip, "uninstall", "-q", "--yes", *MODERN], check=True)
    subprocess.run([*pip, "install", "-q", *wanted], check=True)
    subprocess.run([*pip, "check"], check=True)


if __name__ == "__main__":
    main()
