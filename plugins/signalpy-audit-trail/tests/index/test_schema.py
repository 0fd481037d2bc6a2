from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalpy_audit_trail.index.schema import key, keys

UUID_TEXT = "0191e1b2-0000-7000-8000-00000000000a"
uuids = st.uuids().map(str)


def test_a_uuid_is_kept_as_its_bytes() -> None:
    """Only the canonical form is shortened, so that no two texts have the same key."""
    assert UUID(UUID_TEXT).bytes == key(UUID_TEXT)
    for other in (UUID_TEXT.upper(), UUID_TEXT.replace("-", ""), f"{{{UUID_TEXT}}}", ""):
        assert other == key(other)


@given(st.lists(uuids | st.none(), max_size=20))
def test_many_uuids_have_the_keys_of_each(texts: list[str | None]) -> None:
    """The short way gives what the long way gives."""
    assert [None if text is None else key(text) for text in texts] == keys(texts)


@pytest.mark.parametrize(
    "odd",
    [
        "",
        "plain",
        UUID_TEXT.upper(),
        UUID_TEXT.replace("-", "_"),
        UUID_TEXT.replace("0191e1b2", "0191e1 2"),
        UUID_TEXT.replace("0191e1b2", "0191e1\nb"),
        f"{UUID_TEXT}\n{UUID_TEXT}",
        f"{UUID_TEXT}a",
        "-" * 36,
        "\u0660" * 36,
    ],
)
@given(st.lists(uuids, max_size=3), st.lists(uuids, max_size=3))
def test_one_other_text_among_uuids_is_kept_as_it_is(odd: str, before: list[str], after: list[str]) -> None:
    """What is no UUID is never taken for one, nor do its neighbours suffer."""
    texts = [*before, odd, *after]
    assert [key(text) for text in texts] == keys(texts)
