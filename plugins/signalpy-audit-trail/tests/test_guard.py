"""Who may read, export and erase."""

from __future__ import annotations

from typing import Any

import pytest

from signalpy import Refused
from signalpy_audit_trail.guard import check


@pytest.mark.parametrize("caller", ["kernel", "audit-trail"])
def test_who_calls_from_outside_any_component_may(caller: str) -> None:
    """The application itself and the trail need no permission."""
    check(caller, "audit-trail.erase", {})


@pytest.mark.parametrize(
    ("policies", "allowed"),
    [
        ({}, False),
        ({"*": {"invoke_allow": ["*"]}}, False),
        ({"reports": {"invoke_allow": ["*.query", "?udit-trail.*"]}}, False),
        ({"reports": {"invoke_allow": ["audit-trail.export"]}}, False),
        ({"reports": {"invoke_allow": []}}, False),
        ({"other": {"invoke_allow": ["audit-trail.query"]}}, False),
        ({"reports": {"invoke_allow": ["audit-trail.query"]}}, True),
        ({"reports": {"invoke_allow": ["audit-trail.*"]}}, True),
        ({"rep*": {"invoke_allow": ["*", "audit-trail.q*"]}}, True),
        ({"*": {"invoke_allow": ["audit-trail.query"]}, "reports": {"invoke_allow": ["*"]}}, False),
    ],
)
def test_a_component_may_if_its_policy_names_the_target(policies: dict[str, Any], allowed: bool) -> None:
    """A pattern that matches everything names nothing; the most specific entry counts."""
    if allowed:
        check("reports", "audit-trail.query", policies)
        return
    with pytest.raises(Refused, match="invoke_allow") as caught:
        check("reports", "audit-trail.query", policies)
    assert ("reports", "audit-trail.query") == (caught.value.caller, caught.value.target)
