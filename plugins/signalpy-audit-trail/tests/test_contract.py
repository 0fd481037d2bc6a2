"""The contract that every plugin keeps."""

from pytest_signalpy import PluginContract


class TestContract(PluginContract):
    """All checks, on a trail in memory."""

    component = "audit-trail"
    config = {"audit-trail": {"store": "memory:"}}
    params = {"erase": {"subject": "nobody", "reason": "asked for"}}
