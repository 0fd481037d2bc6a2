"""The doctor: everything about an installation that a person should look at, found without running a plugin's code.

``examine`` makes the checks that need metadata and files alone; ``examine_live`` those that need a kernel that runs.
"""

from signalpy.doctor.examination import OFFLINE, Examined, examine
from signalpy.doctor.finding import Finding, Level, Report
from signalpy.doctor.live import examine_live

__all__ = ["OFFLINE", "Examined", "Finding", "Level", "Report", "examine", "examine_live"]
