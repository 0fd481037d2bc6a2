"""Discovery: what installed distributions offer, decided from their metadata alone; nothing of a plugin is imported.

``scan`` reads the metadata once and gives every candidate with its state and reason. Only ``Candidate.load`` imports.
"""

from signalpy.discovery.candidate import Candidate
from signalpy.discovery.decision import Discovery, extensions, scan
from signalpy.discovery.entry import Entry, LoadError
from signalpy.discovery.records import inventory

__all__ = ["Candidate", "Discovery", "Entry", "LoadError", "extensions", "inventory", "scan"]
