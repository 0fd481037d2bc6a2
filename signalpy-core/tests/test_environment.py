"""Variables over the tree: names, values, and what fits nothing."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalpy.environment import applied, value_of
from signalpy.errors import ConfigError


def tree(base: dict[str, Any] | None = None, **variables: str) -> dict[str, Any]:
    return applied(base or {}, variables)[0]


class TestNames:
    def test_a_component_table_has_dashes(self) -> None:
        """Component names have no underscore, so one in a table's name stands for a dash."""
        assert {"audit-trail": {"max_record": 5}} == tree(SIGNALPY__AUDIT_TRAIL__MAX_RECORD="5")

    def test_kernel_keys_have_underscores(self) -> None:
        """Keys keep theirs."""
        assert {"kernel": {"queue_size": 5}} == tree(SIGNALPY__KERNEL__QUEUE_SIZE="5")

    def test_a_policy_is_named_after_a_component(self) -> None:
        """The name of a policy entry is a component's, whose runnables keep their underscores."""
        assert {"policy": {"audit-trail": {"require_actor": True}}} == tree(
            SIGNALPY__POLICY__AUDIT_TRAIL__REQUIRE_ACTOR="true"
        )
        variables = {"SIGNALPY__POLICY__audit_trail.read_all__AUDIT": "true"}
        assert {"policy": {"audit-trail.read_all": {"audit": True}}} == tree(**variables)

    def test_prefer_is_keyed_by_component(self) -> None:
        """So are the keys of `prefer`."""
        assert {"plugins": {"prefer": {"audit-trail": "x"}}} == tree(SIGNALPY__PLUGINS__PREFER__AUDIT_TRAIL="x")

    def test_an_existing_key_is_found(self) -> None:
        """A key that is there is meant, whatever its case and its dashes."""
        base = {"accounts": {"Open-Now": {"Alice": 1}}}
        assert {"accounts": {"Open-Now": {"Alice": 2}}} == tree(base, SIGNALPY__ACCOUNTS__OPEN_NOW__ALICE="2")
        assert 1 == base["accounts"]["Open-Now"]["Alice"]

    def test_mixed_case_is_kept(self) -> None:
        """A part that is not all capitals is taken as it stands."""
        variables = {"SIGNALPY__accounts__open__Alice": "3", "SIGNALPY__PLUGINS__PREFER__IConfig": "config"}
        assert {"accounts": {"open": {"Alice": 3}}, "plugins": {"prefer": {"IConfig": "config"}}} == tree(**variables)

    def test_a_table_can_be_given_whole(self) -> None:
        """A name that no shell takes goes into a value, and longer variables add to it."""
        found = tree(SIGNALPY__POLICY='{"*" = {audit = true}}', SIGNALPY__POLICY__ACCOUNTS__AUDIT="false")
        assert {"policy": {"*": {"audit": True}, "accounts": {"audit": False}}} == found

    def test_others_are_left_alone(self) -> None:
        """Only the prefix with two underscores counts."""
        assert {} == tree(SIGNALPY_LOG_LEVEL="INFO", SIGNALPYX="1", PATH="/bin")

    def test_each_key_has_its_variable(self) -> None:
        """The second result tells which variable set which key."""
        assert {"audit-trail.store": "SIGNALPY__AUDIT_TRAIL__STORE"} == applied(
            {}, {"SIGNALPY__AUDIT_TRAIL__STORE": "x"}
        )[1]


class TestWrong:
    @pytest.mark.parametrize("name", ["SIGNALPY__", "SIGNALPY____X", "SIGNALPY__A__"])
    def test_an_empty_name(self, name: str) -> None:
        """A variable with an empty part says what was expected."""
        with pytest.raises(ConfigError, match=f"^{name}: expected SIGNALPY__<TABLE>__<KEY>"):
            tree(**{name: "1"})

    def test_below_a_value(self) -> None:
        """A variable cannot set a key of what is no table."""
        with pytest.raises(ConfigError, match=r"^SIGNALPY__A__X__Y: a\.x is a value and no table"):
            tree({"a": {"x": 3}}, SIGNALPY__A__X__Y="1")

    def test_two_variables_for_one_key(self) -> None:
        """Which of them counts cannot be told, so neither does."""
        with pytest.raises(ConfigError, match=r"SIGNALPY__A__X sets a\.x too"):
            tree(SIGNALPY__A__X="1", SIGNALPY__a__x="2")

    def test_two_keys_alike(self) -> None:
        """A part that may mean two existing keys is refused."""
        with pytest.raises(ConfigError, match="SIGNALPY__A__MY_KEY: MY_KEY may mean my-key or my_key"):
            tree({"a": {"my-key": 1, "my_key": 2}}, SIGNALPY__A__MY_KEY="1")


class TestValues:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("5", 5),
            ("0.5", 0.5),
            ("true", True),
            ('["a", "b"]', ["a", "b"]),
            ('{a = "b"}', {"a": "b"}),
            ('"5"', "5"),
            ("2026-01-31", date(2026, 1, 31)),
            ("file:///var/lib", "file:///var/lib"),
            ("007", "007"),
            ("True", "True"),
            ("", ""),
            ("a\nb = 1", "a\nb = 1"),
            ("1\nother = 2", "1\nother = 2"),
        ],
    )
    def test_toml_else_text(self, text: str, value: Any) -> None:
        """A value is what TOML makes of it, and a text where TOML makes nothing of it."""
        assert value == value_of(text)
        assert type(value) is type(value_of(text))

    @given(st.text())
    def test_any_text_can_be_given(self, text: str) -> None:
        """No text is an error, and each can be given as it is by quoting it."""
        value_of(text)
        if not any(0xD800 <= ord(letter) < 0xE000 or ord(letter) == 0x7F for letter in text):
            assert text == value_of(json.dumps(text, ensure_ascii=False))

    @given(st.one_of(st.integers(-(2**63), 2**63 - 1), st.booleans(), st.floats(allow_nan=False, allow_infinity=False)))
    def test_numbers_come_back(self, value: float) -> None:
        """A number written as TOML is that number."""
        assert value == value_of(json.dumps(value))
