"""Whether a distribution fits this core and this Python, by what its metadata says."""

from __future__ import annotations

import operator
import platform
import re
from collections.abc import Callable, Iterable
from typing import Any, Final

from signalpy import __version__
from signalpy.naming import canonical

CORE: Final = "signalpy-core"
_NAME: Final = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
_RELEASE: Final = re.compile(r"\d+(?:\.\d+)*")
_CLAUSE: Final = re.compile(rf"\s*(>=|<=|==|!=|<|>)\s*({_RELEASE.pattern})\s*")
_COMPARED: Final[dict[str, Callable[[Any, Any], bool]]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
}


def incompatibility(requires: Iterable[str], requires_python: str, *, core: str = __version__) -> str:
    """What does not fit, in words; empty if everything does.

    :param requires: ``Requires-Dist`` lines (PEP 508); only those on this core are read.
    :param requires_python: the ``Requires-Python`` line (PEP 440 specifiers), may be empty.
    """
    return _python(requires_python) or next((words for line in requires if (words := _core(line, core))), "")


def plainly_contains(specifiers: str, version: str) -> bool:
    """Whether a range surely contains a version, where both are of plain numbers (PEP 440, final releases).

    ``False`` says nothing: packaging knows. Importing it takes a fifth of a short command's time, and nearly every
    range of nearly every plugin is plain.
    """
    if not _RELEASE.fullmatch(version):
        return False
    for clause in filter(str.strip, specifiers.split(",")):
        parts = _CLAUSE.fullmatch(clause)
        if parts is None:
            return False
        found, wanted = _numbers(version), _numbers(parts[2])
        if not _COMPARED[parts[1]](found, wanted):
            return False
    return True


def _numbers(release: str) -> tuple[int, ...]:
    """The numbers of a release without the zeros at its end: 1.0 is 1."""
    numbers = [int(number) for number in release.split(".")]
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)


def _python(specifiers: str) -> str:
    here = platform.python_version()
    if plainly_contains(specifiers, here):
        return ""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        fits = SpecifierSet(specifiers).contains(here, prereleases=True)
    except InvalidSpecifier:
        return f"its metadata asks for Python {specifiers!r}, which is no version range"
    return "" if fits else f"it needs Python {specifiers}, found {here}"


def _core(line: str, core: str) -> str:
    name = _NAME.match(line)
    if name is None or canonical(name[1]) != CORE or plainly_contains(line[name.end() :], core):
        return ""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        requirement = Requirement(line)
    except InvalidRequirement:
        return f"its metadata asks for {line!r}, which is no requirement"
    if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
        return ""
    if requirement.specifier.contains(core, prereleases=True):
        return ""
    return f"it needs {CORE}{requirement.specifier}, found {core}"
