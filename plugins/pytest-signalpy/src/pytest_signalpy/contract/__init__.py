"""What every plugin keeps, as tests that a plugin's own test suite inherits."""

from pytest_signalpy.contract.suite import PluginContract

__all__ = ["PluginContract"]
