"""The samples of the events: what was published once is still read."""

from pytest_signalpy import SampleContract
from signalpy_accounts import Closed, Opened, Transferred


class TestSamples(SampleContract):
    """All checks."""

    component = "accounts"
    examples = [
        Transferred(sender="alice", receiver="bob", amount=150.5),
        Opened(account="dora", balance=20),
        Closed(account="dora"),
    ]
