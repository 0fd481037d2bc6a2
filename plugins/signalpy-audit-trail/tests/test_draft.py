from __future__ import annotations

import msgspec
import pytest

from signalpy_audit_trail.draft import Draft, is_repeat, leaf, rename


def body(**fields: object) -> bytes:
    return msgspec.json.encode(
        {"id": "x", "caller": "c", "action": "a", "outcome": "success", "data": {"n": 1}, **fields}
    )


def sent(**fields: object) -> Draft:
    return Draft(id="x", body=body(**fields), given=True)


def test_leaf_puts_the_position_before_the_rest() -> None:
    """What is stored is the body with ``seq`` as its first member, and no other byte changed."""
    assert leaf(12, b'{"id":"x","data":{"a":1}}') == b'{"seq":12,"id":"x","data":{"a":1}}'


@pytest.mark.parametrize(
    ("new", "kept", "expected"),
    [
        ({}, {}, True),
        ({"recorded_at": "later", "actor": "bob"}, {}, True),
        ({"data": {"b": 1, "a": 2}}, {"data": {"a": 2, "b": 1}}, True),
        ({"data": {"n": 2}}, {}, False),
        ({"caller": "d"}, {}, False),
        ({"action": "b"}, {}, False),
        ({}, {"outcome": "denied"}, False),
        ({"outcome": "denied"}, {}, False),
        ({"outcome": "denied"}, {"outcome": "denied"}, False),
        ({"outcome": "failure"}, {}, True),
    ],
)
def test_same_caller_action_and_data_are_a_repeat(
    new: dict[str, object], kept: dict[str, object], expected: bool
) -> None:
    """Caller, action and data tell facts apart; what was denied is no repeat of anything."""
    assert expected is is_repeat(sent(**new), leaf(3, body(**kept)))


def test_a_damaged_leaf_is_never_the_same_fact() -> None:
    """A holder that cannot be read any more does not stop the log."""
    assert not is_repeat(sent(), b'{"seq":3,"id":"x","caller')


def test_a_draft_without_its_own_way_is_renamed_all_the_same() -> None:
    """A given id can be replaced even where the draft has no function for it."""
    other = rename(Draft(id="x", body=body(), given=True), "fresh")
    assert {"id": "fresh", "duplicate_of": "x", "data": {"n": 1}}.items() <= msgspec.json.decode(other.body).items()


def test_a_fact_that_is_kept_under_another_id_is_compared_as_it_would_be_under_that() -> None:
    """What is encrypted is bound to the id of its record."""
    asked: list[tuple[str, str]] = []

    def renamed(id: str, duplicate_of: str) -> Draft:
        asked.append((id, duplicate_of))
        return Draft(id=id, body=body(id=id, data={"n": f"sealed for {id}"}))

    draft = Draft(id="x", body=body(data={"n": "sealed for x"}), given=True, renamed=renamed)
    assert is_repeat(draft, leaf(3, body(id="y", duplicate_of="x", data={"n": "sealed for y"})))
    assert [("y", "x")] == asked
