"""The contract that every plugin keeps."""

from pytest_signalpy import PluginContract


class TestContract(PluginContract):
    """All checks, with notifications that stay in memory."""

    component = "notifications"
    params = {"send": {"user": "alice", "message": "hello"}}
