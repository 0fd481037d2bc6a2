"""Replays AWS CloudTrail files as SignalPy events."""

from signalpy_cloudtrail.component import CloudTrail, ReplayParams
from signalpy_cloudtrail.files import PathNotFoundError

__all__ = ["CloudTrail", "PathNotFoundError", "ReplayParams"]
__version__ = "0.1.0"
