"""The built-in component ``config``: the configuration tree, for any component that asks for ``IConfig``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from signalpy import __version__
from signalpy.definition import component, provides, requires

if TYPE_CHECKING:
    from signalpy.runtime import Runtime


@component("config", version=__version__)
@provides("IConfig")
@requires(tree="signalpy.Configuration")
class ConfigComponent:
    """Reads the configuration tree that is in force."""

    rt: Runtime

    def get(self, key: str, default: Any = None) -> Any:
        """A copy of the value at a dotted key such as ``"audit-trail.store"``; ``default`` if there is none."""
        return self.rt.tree.current.get(key, default)
