"""A record as the reader of an export sees it."""

from __future__ import annotations

from typing import Any

from signalpy_audit_trail.leaves import decoded
from signalpy_audit_trail.privacy.view import View
from signalpy_audit_trail.versions import in_todays_form


def seen(view: View, leaf: bytes, url: str) -> tuple[dict[str, Any], bool]:
    """Return the record of a stored line, readable and in the form of today, and whether that is not what is stored.

    :param url: of the trail, for what is said of a damaged record.
    """
    stored = decoded(leaf, url)
    entry = in_todays_form(view.readable(stored) if view.protects(leaf) else stored)
    return entry, entry is not stored and entry != stored
