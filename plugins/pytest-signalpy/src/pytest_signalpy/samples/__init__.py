"""What every plugin with typed events keeps: samples of each version, as files that are still read."""

from pytest_signalpy.samples.suite import SampleContract

__all__ = ["SampleContract"]
