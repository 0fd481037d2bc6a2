"""Where a record comes from: the application, its host and process, and the distribution of the component concerned."""

from __future__ import annotations

import os
import re
import socket
import sys
from collections.abc import Iterable
from importlib.metadata import entry_points
from pathlib import PurePath
from typing import Final

from signalpy_audit_trail.encoding import text
from signalpy_audit_trail.fieldpath import Json

COMPONENTS: Final = "signalpy.components"
"""The entry-point group of components: an entry point's name is the component's."""


class Origins:
    """Knows which distribution each component came with.

    :param application: the name of the application; the name of the running program if not given.
    """

    def __init__(self, application: str | None = None) -> None:
        self._here: dict[str, Json] = {
            "application": text(application or program()),
            "host": text(socket.gethostname()),
        }
        self._components: dict[str, tuple[str | None, str | None]] = {}
        self._made: dict[str | None, dict[str, Json]] = {}

    def learn(self, component: str, distribution: str | None, version: str | None) -> None:
        """Keeps what came with what."""
        self._components[component] = (distribution, version)
        self._made.clear()

    def learn_installed(self, loaded: Iterable[str]) -> None:
        """Looks up which components the distributions named in ``loaded`` bring; what is known already stays."""
        names = {canonical(name) for name in loaded}
        for point in entry_points(group=COMPONENTS):
            if point.dist is not None and (name := canonical(point.dist.name)) in names:
                self._components.setdefault(point.name, (name, point.dist.version))
        self._made.clear()

    def of(self, component: str | None = None) -> dict[str, Json]:
        """The origin of a record that concerns ``component``; to be read only, it is the same for many."""
        known = component if component in self._components else None
        made = self._made.get(known)
        if made is None or made["process"] != os.getpid():
            made = self._made[known] = self._make(known)
        return made

    def _make(self, component: str | None) -> dict[str, Json]:
        distribution, version = self._components.get(component or "", (None, None))
        found: dict[str, Json] = {**self._here, "process": os.getpid()}
        if distribution is not None:
            found["distribution"] = distribution
        if version is not None:
            found["version"] = version
        return found


def program() -> str:
    """The name of the running program: its file's, or that of the module given to ``python -m``."""
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    if spec is not None:
        return str(spec.name).removesuffix(".__main__")
    name = PurePath(sys.argv[0]).name if sys.argv else ""
    return name if name not in ("", "-c") else "python"


def canonical(name: str) -> str:
    """A distribution's name in its canonical form (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
