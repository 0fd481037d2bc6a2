"""Whether a distribution fits this core and this Python, by what its metadata says."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable
from typing import Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from signalpy import __version__

CORE: Final = "signalpy-core"
_NAME: Final = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")


def incompatibility(requires: Iterable[str], requires_python: str, *, core: str = __version__) -> str:
    """What does not fit, in words; empty if everything does.

    :param requires: ``Requires-Dist`` lines (PEP 508); only those on this core are read.
    :param requires_python: the ``Requires-Python`` line (PEP 440 specifiers), may be empty.
    """
    return _python(requires_python) or next((words for line in requires if (words := _core(line, core))), "")


def _python(specifiers: str) -> str:
    here = platform.python_version()
    try:
        fits = SpecifierSet(specifiers).contains(here, prereleases=True)
    except InvalidSpecifier:
        return f"its metadata asks for Python {specifiers!r}, which is no version range"
    return "" if fits else f"it needs Python {specifiers}, found {here}"


def _core(line: str, core: str) -> str:
    name = _NAME.match(line)
    if name is None or canonicalize_name(name[1]) != CORE:
        return ""
    try:
        requirement = Requirement(line)
    except InvalidRequirement:
        return f"its metadata asks for {line!r}, which is no requirement"
    if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
        return ""
    if requirement.specifier.contains(core, prereleases=True):
        return ""
    return f"it needs {CORE}{requirement.specifier}, found {core}"
