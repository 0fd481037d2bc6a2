"""A look over policies: what is wrong, and what is allowed and cannot be meant."""

from __future__ import annotations

from typing import Any

import pytest

from signalpy.policy import Policies
from signalpy.review import Finding, doubtful, wrong

COMPONENTS = ("shop", "bank")
TARGETS = ("shop.buy", "bank.pay", "bank.close")


def found(file: dict[str, Any], *, targets: Any = TARGETS) -> list[tuple[str, str, str]]:
    return [(item.entry, item.key, item.problem) for item in doubtful(Policies(file), COMPONENTS, targets)]


class TestWrong:
    def test_every_problem_is_told_and_the_rest_counts(self) -> None:
        """Each wrong key by itself, with the nearest known one; what is right is in the policies."""
        findings, policies = wrong(
            {
                "shop": {"audti": True, "invoke_deny": ["bank.*"], "require_actor": "yes"},
                "bank": {"audit": "loud"},
                "x": 1,
            }
        )
        assert [("shop", "audti"), ("shop", "require_actor"), ("bank", "audit"), ("x", "")] == [
            (item.entry, item.key) for item in findings
        ]
        assert "Did you mean 'audit'" in findings[0].problem
        assert {"shop": {"invoke_deny": ["bank.*"]}} == policies.entries()

    def test_nothing_is_wrong_with_what_is_right(self) -> None:
        """No finding, and all of it in force."""
        findings, policies = wrong({"*": {"audit": True}})
        assert [] == findings
        assert ["*"] == policies.names()


class TestDoubtful:
    @pytest.mark.parametrize(
        "file",
        [
            {},
            {"*": {"audit": True}},
            {"kernel": {"invoke_deny": ["bank.close"]}},
            {"sho*": {"publish_allow": ["anything.at.all"]}},
            {"bank.pay": {"audit": "full"}},
            {"shop": {"invoke_allow": ["bank.*", "shop.buy"], "invoke_deny": ["bank.close"]}},
        ],
    )
    def test_nothing_is_said_of_what_may_be_meant(self, file: dict[str, Any]) -> None:
        """Components, patterns that match one, the outside, runnables; events may have any name."""
        assert [] == found(file)
        assert [] == found(file, targets=None)

    @pytest.mark.parametrize(
        ("file", "expected"),
        [
            (
                {"shp": {"audit": True}},
                ("shp", "", "no component or runnable goes by this name. Did you mean 'shop'?"),
            ),
            (
                {"shop": {"invoke_deny": ["bank"]}},
                ("shop", "invoke_deny", '"bank" matches no target, which is component.runnable. Use "bank.*"'),
            ),
            (
                {"shop": {"invoke_allow": ["bank.pya"]}},
                ("shop", "invoke_allow", "\"bank.pya\" matches no target that is known. Did you mean 'bank.pay'?"),
            ),
            (
                {"shop": {"invoke_allow": [], "invoke_deny": ["bank.*"]}},
                ("shop", "invoke_deny", "has no effect: the empty invoke_allow refuses everything"),
            ),
            (
                {"shop": {"publish_allow": ["a.b"], "publish_deny": ["a.*"]}},
                ("shop", "publish_allow", '"a.b" has no effect: publish_deny "a.*" beats it'),
            ),
            (
                {"sh*": {"audit": True}, "shop": {"audit": False}},
                ("sh*", "audit", 'never counts: "shop" set it for all that goes by this name'),
            ),
        ],
    )
    def test_what_cannot_be_meant_is_told(self, file: dict[str, Any], expected: tuple[str, str, str]) -> None:
        """Names of nothing, lists that have no effect, and keys that never count."""
        assert expected in found(file)

    def test_where_the_targets_are_not_known_only_the_component_is_held_against_them(self) -> None:
        """A file alone does not tell which runnables there are."""
        assert [] == found({"shop": {"invoke_allow": ["bank.anything"]}}, targets=None)
        [(_, _, problem)] = found({"shop": {"invoke_allow": ["bnk.pay"]}}, targets=None)
        assert '"bnk.pay" matches no target that is known' in problem

    def test_what_a_run_time_entry_takes_over_never_counts(self) -> None:
        """It is said to have been set at run time, and what stays is not found fault with."""
        policies = Policies({"bank": {"audit": True, "require_actor": True}}).with_entry("bank", {"audit": "full"})
        [item] = doubtful(policies, COMPONENTS, TARGETS)
        assert ("bank", "audit") == (item.entry, item.key)
        assert 'never counts: "bank" (set at run time) set it' in item.problem


def test_a_finding_in_words_and_as_plain_values() -> None:
    """The entry, the key if one is meant, and the problem."""
    assert 'policy "a": audit: is odd' == str(Finding("a", "audit", "is odd"))
    assert 'policy "a": is odd' == str(Finding("a", "", "is odd"))
    assert {"entry": "a", "key": "", "problem": "is odd"} == Finding("a", "", "is odd").as_dict()
