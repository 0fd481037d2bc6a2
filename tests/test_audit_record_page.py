"""The page on the audit record says what the code does."""

from __future__ import annotations

import json
import re
from pathlib import Path

from signalpy_audit_trail.encoding import LEVELS
from signalpy_audit_trail.record import Record
from signalpy_audit_trail.subjects import MOST

PAGE = (Path(__file__).parents[1] / "docs" / "audit-record.md").read_text("utf-8")


def test_the_page_lists_every_field_in_the_stored_order() -> None:
    """A reader of the page knows each member of a record and where it stands."""
    listed = re.findall(r"^\| `(\w+)` \|", PAGE.partition("## Fields")[2].partition("\n## ")[0], re.MULTILINE)
    assert ["seq", *Record.__struct_fields__] == listed


def test_the_example_on_the_page_is_a_record() -> None:
    """Its members are those of the format, in their order."""
    (example,) = re.findall(r"```json\n(.*?)\n```", PAGE)
    members = list(json.loads(example))
    assert members == [name for name in ("seq", *Record.__struct_fields__) if name in members]


def test_the_numbers_on_the_page_are_those_of_the_code() -> None:
    """Limits that a reader plans with are told as they are."""
    assert f"nested more than {LEVELS} levels" in PAGE
    assert f"at most {MOST}" in PAGE
