"""Rules held against known schemas: what can never match is told, and nothing else."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field

from signalpy_audit_trail.fieldpath import parse
from signalpy_audit_trail.privacy.known import can_lead, hopeless
from signalpy_audit_trail.privacy.rules import parse_rules
from signalpy_audit_trail.schemas import of_calls


class Line(BaseModel):
    note: str = ""
    inner: Line | None = None


class Order(BaseModel):
    customer: str
    total: Decimal
    lines: list[Line]
    pair: tuple[int, Line]
    tags: dict[str, Line]
    extra: Any
    choice: int | Line | None
    given: str = Field(alias="givenName")
    raw: dict[str, Any]


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    known: int


SCHEMAS = of_calls({"shop.order": Order, "shop.open": Open, "shop.any": None})


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("customer", True),
        ("custmer", False),
        ("customer.name", False),
        ("total", True),
        ("lines[*].note", True),
        ("lines[0].inner.inner.note", True),
        ("lines[*].nte", False),
        ("lines.note", False),
        ("pair[1].note", True),
        ("pair[0].note", False),
        ("pair[*].note", True),
        ("tags.anything.note", True),
        ("tags.*.note", True),
        ("tags.*.nte", False),
        ("tags[0]", False),
        ("extra.a[3].b", True),
        ("choice.note", True),
        ("choice.nte", False),
        ("given", True),
        ("givenName", True),
        ("raw.a.b", True),
        ("*.note", True),
        ("*.nothing", True),
    ],
)
def test_a_path_leads_where_a_schema_lets_it(path: str, expected: bool) -> None:
    """References, lists, mappings, unions, aliases, and values of which nothing is known."""
    assert expected is any(can_lead(parse(path), schema) for schema in SCHEMAS["shop.order"])


def told(*rules: dict[str, Any], events: Any = None) -> list[str]:
    return list(hopeless(parse_rules({"rules": list(rules)}), SCHEMAS, events or {}))


@pytest.mark.parametrize(
    "rule",
    [
        {"type": "shop.order", "field": "params.customer"},
        {"type": "shop.*", "field": "params.whatever"},
        {"type": "shop.open", "field": "params.whatever"},
        {"type": "shop.order", "field": ["result.x", "client.ip", "error.message", "subjects", "*.iban", "params"]},
        {"type": "order.*", "field": "anything"},
        {"type": "*", "field": "customer"},
    ],
)
def test_what_may_match_is_not_told(rule: dict[str, Any]) -> None:
    """Unknown events, results, parameters of any form, and fields of the record itself."""
    assert [] == told({**rule, "action": "redact"})


def test_what_can_never_match_is_told_with_what_comes_near() -> None:
    """A misspelt field, a misspelt target, a subject that is nowhere."""
    events = {"order.placed": [SCHEMAS["shop.order"][0]]}
    assert [
        (
            "privacy.rules[0].field: params.custmer can never match: no runnable that it is about (shop.order) has this"
            " field. Did you mean 'customer'?"
        ),
        (
            "privacy.rules[1].field: params.customer can never match: there is no runnable 'shop.oder'."
            " Did you mean 'shop.order' or 'shop.open'?"
        ),
        "privacy.rules[2].field: result.x can never match: there is no runnable 'stock.*'.",
        (
            "privacy.rules[3].subject: customer.id can never match: no typed event that it is about (order.placed) has"
            " this field."
        ),
    ] == told(
        {"type": "shop.order", "field": ["params.custmer", "params.total"], "action": "redact"},
        {"type": "shop.oder", "field": "params.customer", "action": "redact"},
        {"type": "stock.*", "field": "result.x", "action": "redact"},
        {"type": "order.*", "field": "lines[*].note", "action": "encrypt", "subject": "customer.id"},
        events=events,
    )
