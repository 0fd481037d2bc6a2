"""Rules: what the table says, and what is wrong with one that says nothing."""

from __future__ import annotations

from typing import Any

import pytest

from signalpy.errors import ConfigError
from signalpy_audit_trail.fieldpath import Wild
from signalpy_audit_trail.privacy.rules import Action, Rule, Rules, parse_rules, paths_of


def test_a_table_is_read_whole() -> None:
    """Every key has its place, and what is one text may be several."""
    rules = parse_rules(
        {
            "default": "redact",
            "detect": "pan",
            "hmac_secret": "env:SECRET",
            "rules": [
                {"type": "order.*", "field": "lines[*].note", "action": "encrypt", "subject": "lines[*].customer"},
                {"field": ["total", "client.ip"], "action": "keep"},
            ],
        }
    )
    first = Rule(("order.*",), (("lines", Wild.ELEMENT, "note"),), Action.ENCRYPT, ("lines", Wild.ELEMENT, "customer"))
    second = Rule(("*",), (("total",), ("client", "ip")), Action.KEEP)
    assert Rules((first, second), Action.REDACT, ("pan",), "env:SECRET") == rules
    assert (True, False) == (rules.need_keys, rules.idle)


def test_nothing_is_a_table_too() -> None:
    """Without rules everything is stored as it is, and no key is needed."""
    assert (True, False) == (parse_rules({}).idle, parse_rules({}).need_keys)


def test_a_path_that_begins_with_a_field_of_the_record_leads_there_as_well() -> None:
    """Client, error and subjects are named as they stand in the record."""
    rule = Rule(("*",), (("client", "ip"), ("note",)), Action.REDACT)
    assert [(("data", "client", "ip"), ("client", "ip")), (("data", "note"),)] == list(paths_of(rule))


def test_no_key_is_told_with_the_rules() -> None:
    """What the trail records of its rules when it starts says what they do, and not where its secrets come from."""
    rules = parse_rules(
        {"hmac_secret": lambda: b"x", "rules": [{"field": "a", "action": "encrypt", "subject": "b"}], "detect": ["pan"]}
    )
    told = {"type": ["*"], "field": ["a"], "action": "encrypt", "subject": "b"}
    assert {"rules": [told], "default": "keep", "detect": ["pan"]} == rules.described()


@pytest.mark.parametrize(
    ("table", "key", "words"),
    [
        ({"rulse": []}, "privacy.rulse", "Did you mean 'rules'"),
        ({"default": "drop"}, "privacy.default", '"keep" or "redact"'),
        ({"detect": ["pam"]}, "privacy.detect", "Did you mean 'pan'"),
        ({"rules": {"field": "a"}}, "privacy.rules", "a list of tables"),
        ({"rules": ["a"]}, "privacy.rules[0]", "a table"),
        ({"rules": [{"action": "redact"}]}, "privacy.rules[0].field", "required"),
        ({"rules": [{"field": "a"}]}, "privacy.rules[0].action", "required"),
        ({"rules": [{"field": "a", "action": "redcat"}]}, "privacy.rules[0].action", "Did you mean 'redact'"),
        ({"rules": [{"field": "a", "action": 3}]}, "privacy.rules[0].action", "expected one of keep, redact"),
        ({"rules": [{"field": "a..b", "action": "keep"}]}, "privacy.rules[0].field", "a name or an index"),
        ({"rules": [{"field": [], "action": "keep"}]}, "privacy.rules[0].field", "a path"),
        ({"rules": [{"field": 1, "action": "keep"}]}, "privacy.rules[0].field", "a text"),
        ({"rules": [{"field": "a", "action": "keep", "tpye": "x"}]}, "privacy.rules[0].tpye", "Did you mean 'type'"),
        ({"rules": [{"field": "a", "action": "hash", "subject": "b"}]}, "privacy.rules[0].subject", "only encrypt"),
        ({"rules": [{"field": "a", "action": "encrypt", "subject": 1}]}, "privacy.rules[0].subject", "a path"),
        ({"hmac_secret": "c2VjcmV0"}, "privacy.hmac_secret", "never the key itself"),
        ([], "privacy", "a table"),
    ],
)
def test_what_is_wrong_is_one_line_with_the_key(table: Any, key: str, words: str) -> None:
    """A mistake names its place and what would be right, and shows no value of a secret."""
    with pytest.raises(ConfigError) as caught:
        parse_rules(table)
    assert key == caught.value.key
    assert words in str(caught.value)
    assert "c2VjcmV0" not in str(caught.value)
