"""The samples of the events: what was published once is still read."""

from pytest_signalpy import SampleContract
from signalpy_notifications import NotificationFailed


class TestSamples(SampleContract):
    """All checks."""

    component = "notifications"
    examples = [NotificationFailed(user="alice", channel="channel 1 (mailto)")]
