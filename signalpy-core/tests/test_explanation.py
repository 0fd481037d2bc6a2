"""Why a verdict is as it is: the entry that gave each key, for any operation the same verdict as the policies give."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalpy.explanation import ACTIONS, Action, Line, explain
from signalpy.policy import Policies

FILE: dict[str, dict[str, Any]] = {
    "*": {"audit": "metadata"},
    "shop": {"invoke_allow": ["bank.*"], "invoke_deny": ["bank.close"], "publish_allow": ["shop.*"]},
    "bank.pay": {"audit": "full", "require_actor": True},
}


def lines(action: Action, caller: str, name: str, policies: Policies) -> dict[tuple[str, str], Line]:
    return {(line.key, line.of): line for line in explain(policies, action, caller, name).lines}


def test_each_key_is_told_with_the_entry_that_gives_it() -> None:
    """Of the caller, and of the target what belongs to a target; the most specific entry counts."""
    found = lines("invoke", "shop", "bank.pay", Policies(FILE))
    assert Line("invoke_deny", "caller", ["bank.close"], "shop", "file") == found["invoke_deny", "caller"]
    assert Line("invoke_allow", "caller", ["bank.*"], "shop", "file") == found["invoke_allow", "caller"]
    assert Line("audit", "caller", "metadata", "*", "file") == found["audit", "caller"]
    assert Line("audit", "target", "full", "bank.pay", "file") == found["audit", "target"]
    assert Line("require_actor", "target", True, "bank.pay", "file") == found["require_actor", "target"]
    assert Line("require_actor", "caller") == found["require_actor", "caller"]


def test_what_was_set_at_run_time_is_told_as_that() -> None:
    """It outranks the file; a key that was unset there is given by nobody."""
    policies = Policies(FILE).with_entry("shop", {"invoke_deny": ["bank.pay"], "publish_allow": None})
    denial = lines("invoke", "shop", "bank.pay", policies)["invoke_deny", "caller"]
    assert Line("invoke_deny", "caller", ["bank.pay"], "shop", "run time") == denial
    assert Line("publish_allow", "caller") == lines("publish", "shop", "x", policies)["publish_allow", "caller"]


def test_an_event_has_no_target() -> None:
    """Whoever takes it is not asked."""
    assert {"caller"} == {line.of for line in explain(Policies(FILE), "publish", "shop", "bank.pay").lines}


@pytest.mark.parametrize(
    ("action", "caller", "name", "told"),
    [
        ("invoke", "shop", "bank.see", "shop may invoke bank.see; audited at level metadata"),
        ("invoke", "shop", "bank.pay", "shop may invoke bank.pay with an actor; audited at level full"),
        ("invoke", "shop", "bank.close", 'shop may not invoke bank.close: policy "shop": invoke_deny "bank.close"'),
        ("publish", "shop", "x", 'shop may not publish x: policy "shop": not in publish_allow'),
    ],
)
def test_the_verdict_in_a_line(action: Action, caller: str, name: str, told: str) -> None:
    """Whether it may, on which condition, how it is audited, or which rule refuses it."""
    assert told == explain(Policies(FILE), action, caller, name).words


def test_without_policies_everything_may_and_nothing_is_audited() -> None:
    """The default, in words and as plain values."""
    found = explain(Policies(), "invoke", "a", "b.c")
    assert "a may invoke b.c; not audited" == found.words
    plain = found.as_dict()
    assert (True, None, None, False) == (plain["allowed"], plain["rule"], plain["audit"], plain["require_actor"])
    assert {"key": "audit", "of": "target", "value": None, "entry": None, "source": None} in plain["lines"]


OF_ALL = {"audit": st.sampled_from([False, True, "metadata", "full"]), "require_actor": st.booleans()}
PATTERNS = st.lists(st.sampled_from(["*", "a.*", "b.x", "?.y", "a.x"]), max_size=2)
OF_CALLERS = dict.fromkeys(("invoke_allow", "invoke_deny", "publish_allow", "publish_deny"), PATTERNS)


def entries(names: list[str], keys: dict[str, Any]) -> Any:
    return st.dictionaries(st.sampled_from(names), st.fixed_dictionaries({}, optional=keys))


ENTRIES = st.builds(
    lambda callers, runnables: callers | runnables,
    entries(["*", "a", "b", "?", "kernel"], OF_ALL | OF_CALLERS),
    entries(["a.x", "b.*", "?.x"], OF_ALL),
)


@given(
    ENTRIES, ENTRIES, st.sampled_from(ACTIONS), st.sampled_from(["a", "b", "kernel"]), st.sampled_from(["a.x", "b.y"])
)
def test_it_says_what_the_policies_say(
    file: dict[str, Any], runtime: dict[str, Any], action: Action, caller: str, name: str
) -> None:
    """For any policies; and the lines alone lead to the same level of audit and the same need of an actor."""
    policies = Policies(file)
    for entry, keys in runtime.items():
        policies = policies.with_entry(entry, keys)
    verdict = (policies.for_invoke if action == "invoke" else policies.for_publish)(caller, name)
    found = explain(policies, action, caller, name)
    assert (verdict.allowed, verdict.rule, verdict.audit) == (found.allowed, found.rule, found.audit)
    levels = ["metadata", "request", "full"]
    given_levels = [line.value for line in found.lines if line.key == "audit" and line.value]
    assert max(given_levels, key=levels.index, default=None) == found.audit
    assert any(line.value for line in found.lines if line.key == "require_actor") == found.require_actor
