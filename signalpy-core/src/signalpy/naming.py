"""Names: which ones a component may have, and the one form of a distribution's."""

from __future__ import annotations

import re
from typing import Final

COMPONENT_NAME: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
RESERVED: Final = frozenset({"kernel", "plugins", "policy"})

_SEPARATORS: Final = re.compile(r"[-_.]+")


def canonical(name: str) -> str:
    """The name of a distribution as PEP 503 has it: ``Signalpy_Legacy`` is ``signalpy-legacy``.

    Here and not from packaging, whose module for it takes as long to import as a whole scan.
    """
    return _SEPARATORS.sub("-", name).lower()
