"""Verification: what an auditor can say of a trail, from its bytes alone.

Nothing here is shared with what writes a trail but the two hash functions; a trail is seen through the read functions
of `signalpy_audit_trail.store.StoreReader`.
"""

from signalpy_audit_trail.verification.report import CHECKS, Check, Report, Result
from signalpy_audit_trail.verification.verifier import Anchors, verify

__all__ = ["CHECKS", "Anchors", "Check", "Report", "Result", "verify"]
