"""The contract that every plugin keeps."""

from pytest_signalpy import PluginContract


class TestContract(PluginContract):
    """All checks, on a ledger in memory."""

    component = "accounts"
    params = {
        "transfer": {"from_account": "alice", "to_account": "bob", "amount": 1},
        "open": {"account": "dora"},
        "close": {"account": "dora"},
    }
