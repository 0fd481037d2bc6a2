"""The contract that every plugin keeps."""

from pathlib import Path

from pytest_signalpy import PluginContract

SAMPLE = Path(__file__).resolve().parent.parent / "sample"


class TestContract(PluginContract):
    """All checks, with the sample files."""

    component = "cloudtrail"
    params = {"replay": {"path": SAMPLE}}
