"""What a distribution needs besides this core, and whether it is there, by metadata alone."""

from __future__ import annotations

from collections.abc import Iterable

from packaging.requirements import InvalidRequirement, Requirement

from signalpy.discovery.compatibility import CORE
from signalpy.discovery.folder import Metadata, stem_of
from signalpy.discovery.installed import Installed, headers_of
from signalpy.naming import canonical


class Versions:
    """The versions of installed distributions, each read when first asked for.

    :param distributions: all of them, each once.
    """

    def __init__(self, distributions: Iterable[Metadata]) -> None:
        self._by_name = {stem_of(metadata).replace("_", "-"): metadata for metadata in distributions}

    def __repr__(self) -> str:
        return f"<Versions(num_distributions={len(self._by_name)})>"

    def of(self, name: str) -> str | None:
        """The version of a distribution; ``None`` if it is not installed, empty if its metadata does not tell."""
        metadata = self._by_name.get(canonical(name))
        if metadata is None:
            return None
        try:
            return headers_of(metadata).get("version", [""])[0]
        except (OSError, UnicodeDecodeError):
            return ""


def unmet(installed: Installed, versions: Versions) -> list[str]:
    """What it needs and does not have, each in a few words; what it needs of this core is decided elsewhere."""
    return [words for line in installed.requires if (words := _unmet(line, versions))]


def _unmet(line: str, versions: Versions) -> str:
    try:
        requirement = Requirement(line)
    except InvalidRequirement:
        return f"its metadata asks for {line!r}, which is no requirement"
    if canonical(requirement.name) == CORE or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
        return ""
    needed = f"it needs {requirement.name}{requirement.specifier}"
    found = versions.of(requirement.name)
    if found is None:
        return f"{needed}, which is not installed"
    if found and not requirement.specifier.contains(found, prereleases=True):
        return f"{needed}, and {found} is installed"
    return ""
