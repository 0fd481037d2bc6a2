"""The fixture `audit_trail`: a real trail, its records and its proofs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Run

pytest_plugins = ["pytester"]

MARK = """
pytestmark = pytest.mark.signalpy(
    components=[Loyalty], stubs={"accounts.credit": 1}, config={"policy": {"loyalty": {"audit": "full"}}}
)
"""


def test_what_is_recorded_is_found(run: Run) -> None:
    """Events and audited calls are records of a trail whose proofs hold; reading it leaves no trace."""
    source = f"""{MARK}
async def test_it(kernel, audit_trail, frozen_time):
    await kernel.bus.invoke("loyalty.give", {{"account": "alice"}}, actor="eve")
    assert ["loyalty.given", "accounts.credit", "loyalty.give"] == audit_trail.actions()
    record = audit_trail.one(target="loyalty.give")
    assert ("eve", "success", 1) == (record["actor"], record["outcome"], record["data"]["result"])
    assert "2026-01-01T12:00:00.000000Z" == record["time"]
    assert [] == audit_trail.query(kind="access")
    with pytest.raises(AssertionError, match="expected one record for {{'actor': 'eve'}}, found 3"):
        audit_trail.one(actor="eve")
    assert "holds" == audit_trail.verify().verdict

def test_without_a_coroutine(kernel, audit_trail):
    kernel.bus.invoke_sync("loyalty.give", {{"account": "alice"}})
    assert 1 == len(audit_trail.query(type="loyalty.given"))
"""
    run(source).assert_outcomes(passed=2)


def test_the_kernel_needs_no_mention(run: Run) -> None:
    """A test that asks for the trail alone has a kernel that writes it."""
    source = """
def test_it(audit_trail):
    assert ["kernel.started"] == [record["action"] for record in audit_trail.query(type="kernel.started")]
    assert audit_trail.path.is_dir()
"""
    run(source).assert_outcomes(passed=1)


def test_where_it_is_not_installed(run: Run, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line says what to install."""
    monkeypatch.setattr("pytest_signalpy.plugin.find_spec", lambda name: None)
    result = run("def test_it(audit_trail):\n    pass\n")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*signalpy-audit-trail is not installed. Run: pip install signalpy-audit-trail*"])


def test_it_has_to_be_named(run: Run) -> None:
    """Asked for too late, it says what to do."""
    result = run("def test_it(kernel, request):\n    request.getfixturevalue('audit_trail')\n")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*name it among the arguments of the test*"])
