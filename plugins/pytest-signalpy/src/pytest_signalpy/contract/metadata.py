"""What an installer and an operator see of a plugin before any of its code runs."""

from __future__ import annotations

import platform
import re

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from pytest_signalpy.contract.subject import Subject, fails, fails_if
from signalpy import __version__ as core_version
from signalpy.discovery.compatibility import CORE


class MetadataChecks:
    """Checks of the distribution's metadata."""

    def test_entry_point(self, subject: Subject) -> None:
        """The entry point leads to the component of its name."""
        spec = subject.spec
        if not spec.cls.__module__.startswith(subject.package):
            fails(f"{subject.candidate.value} is a class of {spec.cls.__module__}, expected one of {subject.package}")

    def test_distribution_name(self, subject: Subject) -> None:
        """The distribution is called `signalpy-NAME` and imports as `signalpy_NAME`."""
        name = canonicalize_name(subject.fields["Name"])
        if not re.fullmatch(r"signalpy(-[a-z0-9]+)+", name):
            fails(f"the distribution is called {name!r}, expected signalpy-NAME")
        if subject.package != name.replace("-", "_"):
            fails(f"{name} imports as {subject.package!r}, expected {name.replace('-', '_')!r}")

    def test_core_range(self, subject: Subject) -> None:
        """It takes signalpy-core in a range with both ends that holds the one installed."""
        ours = [each for each in self._requirements(subject) if canonicalize_name(each.name) == CORE]
        plain = [each for each in ours if each.marker is None]
        if not plain:
            fails(f"it does not depend on {CORE}: add a range such as '{CORE}>=0.1,<0.2' to the dependencies")
        operators = {each.operator for each in plain[0].specifier}
        if not (operators & {">=", "~=", "=="} and operators & {"<", "~=", "=="}):
            fails(f"it takes {plain[0]}, expected a range with both ends, such as '{CORE}>=0.1,<0.2'")
        if not plain[0].specifier.contains(core_version, prereleases=True):
            fails(f"it takes {plain[0]}, and {core_version} is installed")

    def test_requires_python(self, subject: Subject) -> None:
        """It says which versions of Python it runs on, from 3.11 or later."""
        text = subject.fields.get("Requires-Python")
        if not text:
            fails('the metadata say no Requires-Python: write requires-python = ">=3.11"')
        if SpecifierSet(text).contains("3.10"):
            fails(f"it requires Python {text}, and signalpy-core needs 3.11 or later")
        if not SpecifierSet(text).contains(platform.python_version(), prereleases=True):
            fails(f"it requires Python {text}, and {platform.python_version()} runs it here")

    def test_licence(self, subject: Subject) -> None:
        """It names its licence as an SPDX expression, and carries its text."""
        metadata = subject.fields
        expression = metadata.get("License-Expression")
        if not expression:
            fails('the metadata have no License-Expression: write license = "MIT", or whatever SPDX expression holds')
        try:
            canonicalize_license_expression(expression)
        except InvalidLicenseExpression as error:
            fails(f"License-Expression {expression!r} is no SPDX expression: {error}")
        if not metadata.get_all("License-File"):
            fails('the licence\'s text is not in the wheel: write license-files = ["LICENSE"]')

    def test_readme(self, subject: Subject) -> None:
        """It has a one-line summary, and a description in a format that package indexes show."""
        metadata = subject.fields
        body = metadata.get("Description") or metadata.get_payload()
        fails_if(
            problem
            for problem, wrong in {
                'no Summary: write description = "…" in [project]': not metadata.get("Summary"),
                'no description: write readme = "README.md" in [project]': not str(body or "").strip(),
                "no Description-Content-Type": not metadata.get("Description-Content-Type"),
            }.items()
            if wrong
        )

    def test_py_typed(self, subject: Subject) -> None:
        """The package is marked as typed, so that the checkers of others read its annotations."""
        if not (subject.folder / "py.typed").is_file():
            fails(f"{subject.package} has no file py.typed, by which type checkers know that it is annotated")

    @staticmethod
    def _requirements(subject: Subject) -> list[Requirement]:
        return [Requirement(line) for line in subject.metadata.requires or []]
