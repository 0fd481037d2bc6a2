"""Whom or what a fact concerns."""

from __future__ import annotations

import pytest

from signalpy_audit_trail.subjects import MOST, Subjects

TABLE = {
    "account.*": ["from", "to"],
    "account.t*": ["lines[*].name", "ids"],
    "accounts.*": ["params.owner", "result.id"],
}


@pytest.mark.parametrize(
    ("name", "data", "given", "expected"),
    [
        ("account.closed", {"from": "alice", "to": "bob"}, (), ("alice", "bob")),
        ("account.closed", {"from": "alice", "to": "alice"}, ("bob", "alice"), ("bob", "alice")),
        ("account.closed", {"from": 7, "to": 1.5}, (), ("7", "1.5")),
        ("account.closed", {"from": None, "to": ""}, (), ()),
        ("account.closed", {"from": {"name": "x"}, "to": True}, (), ()),
        ("account.closed", None, ("given",), ("given",)),
        (
            "account.transfer",
            {"lines": [{"name": "a"}, {}, {"name": "b"}], "ids": [1, [2], 3]},
            (),
            ("a", "b", "1", "3"),
        ),
        ("accounts.open", {"params": {"owner": "zoe"}, "result": {"id": 9}}, (), ("zoe", "9")),
        ("Account.closed", {"from": "alice"}, (), ()),
        ("other", {"from": "alice"}, ("\udc80",), ("\\udc80",)),
    ],
)
def test_subjects_are_the_given_ones_and_those_in_the_data(
    name: str, data: object, given: tuple[str, ...], expected: object
) -> None:
    """Each subject is named once, the publisher's own first, numbers as text."""
    assert expected == Subjects(TABLE).of(name, data, given)


def test_the_number_of_subjects_is_bounded() -> None:
    """One more than are stored is given, so that it can be said that some were left out."""
    subjects = Subjects({"*": ["ids"]}).of("x", {"ids": list(range(10_000))})
    assert MOST + 1 == len(subjects)


def test_it_is_known_whether_a_path_leads_into_parameters_or_result() -> None:
    """What no path asks for need not be looked at."""
    subjects = Subjects({"accounts.*": ["params.owner"], "a.*": ["*.id"]})
    assert subjects.lead_into("accounts.open", "params")
    assert not subjects.lead_into("accounts.open", "result")
    assert subjects.lead_into("a.b", "result")
    assert not subjects.lead_into("other", "params")
