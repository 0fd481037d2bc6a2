"""Hook implementations: where they are registered, in which order they stand, and how a ring is made of them."""

from signalpy.hooks.chain import compile_ring
from signalpy.hooks.plugin import Implementation, Plugin
from signalpy.hooks.registry import HookRegistry

__all__ = ["HookRegistry", "Implementation", "Plugin", "compile_ring"]
