"""The table of the configuration."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from signalpy_audit_trail.settings import Settings, size_in_bytes


def test_an_empty_table_means_the_defaults() -> None:
    """Without a word, every event is recorded in the standard mode, in records of up to one mebibyte."""
    settings = Settings()
    assert (None, ("*",), "standard", {}, 1 << 20) == (
        settings.store,
        settings.events,
        settings.mode,
        settings.subjects,
        settings.max_record,
    )


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1MiB", 1 << 20),
        ("64 KiB", 1 << 16),
        ("1MB", 10**6),
        ("500kb", 500_000),
        ("4096", 4096),
        (4096, 4096),
        ("2048B", 2048),
    ],
)
def test_sizes_are_texts_or_numbers(text: Any, size: int) -> None:
    """A size has a unit of bytes, or is a number of them."""
    assert size == size_in_bytes(text) == Settings(max_record=text).max_record


@pytest.mark.parametrize(
    "table",
    [
        {"max_record": "1 parsec"},
        {"max_record": True},
        {"max_record": 1.5},
        {"max_record": "100B"},
        {"max_record": "1GiB"},
        {"mode": "sloppy"},
        {"store": ""},
        {"subjects": {"account.*": ["a..b"]}},
        {"subjects": ["from"]},
        {"events": [1]},
        {"evnts": ["*"]},
    ],
)
def test_what_makes_no_sense_is_refused(table: dict[str, Any]) -> None:
    """A wrong value or an unknown key is an error at boot, not at the first event."""
    with pytest.raises(ValidationError):
        Settings(**table)


def test_one_pattern_or_path_needs_no_list() -> None:
    """A text stands for a list of one."""
    settings = Settings(events="account.*", subjects={"account.*": "from"})
    assert (("account.*",), {"account.*": ("from",)}) == (settings.events, settings.subjects)
