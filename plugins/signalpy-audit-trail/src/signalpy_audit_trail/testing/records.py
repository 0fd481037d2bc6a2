"""Records to test with: plain ones, odd ones, and any number of different ones."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import uuid_utils

from signalpy_audit_trail.draft import Draft
from signalpy_audit_trail.query import KINDS, OUTCOMES

_BASE: Final = datetime(2026, 1, 31, 12, tzinfo=UTC)
NAMES: Final = ("alice", "bob", "", "ünï", "account", "account.transfer", "account.close", "a[b]", "a*", "z\0", "'; --")
PATTERNS: Final = (*NAMES, "*", "**", "acc*", "*.transfer", "a[[]b]", "a?*", "[ab]*", "*ü*", "account.*", "x*", "[!a]*")
_UUIDS: Final = tuple(f"0191e1b2-0000-7000-8000-{number:012d}" for number in range(6))
IDS: Final = (*_UUIDS, "given-1", "GIVEN-1", _UUIDS[0].upper(), "")

ODD: Final = {
    "nothing but an id": '{"id":"odd"}',
    "an empty id": '{"id":""}',
    "an empty object": '{"id":"odd","data":{}}',
    "16 MiB": f'{{"id":"odd","data":"{"x" * (16 << 20)}"}}',
    "escaped controls": r'{"id":"odd","data":"\u0000\u0001\n\r\t\u001f\u007f"}',
    "escaped surrogates": r'{"id":"odd","data":"\\ud800 \ud83d\ude00"}',
    "line separators": '{"id":"odd","data":"a\u2028b\u2029c\u0085d"}',
    "other scripts": '{"id":"odd","actor":"Ωμέγα","data":"日本語 עברית 😀"}',
    "500 levels": f'{{"id":"odd","data":{"[" * 500 + "]" * 500}}}',
    "large numbers": '{"id":"odd","data":[1e308,-0.0,123456789012345678901234567890,1E+2]}',
    "names twice": '{"id":"odd","data":1,"data":2}',
    "wrong types": '{"id":7,"time":"soon","kind":[],"actor":{"a":1},"subjects":["s",3,null],"operation_id":false}',
    "many subjects": f'{{"id":"odd","subjects":{json.dumps([f"s{number}" for number in range(5000)])}}}',
    "SQL": """{"id":"'); DROP TABLE leaf; --","actor":"\\\\' OR 1=1"}""",
}
"""Bodies of records by what is odd about them. All are kept as they are, byte for byte."""


def moment(step: int) -> str:
    """Return a time as records write it, ``step`` seconds after the first."""
    return (_BASE + timedelta(seconds=step)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def encoded(record: dict[str, Any]) -> bytes:
    """Return a record as a body."""
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()


def draft(*, given: bool = False, **fields: Any) -> Draft:
    """Return the draft of a record with these fields, and such as most records have."""
    usual = {
        "time": moment(0),
        "kind": "event",
        "action": "account.transfer",
        "caller": "accounts",
        "outcome": "success",
    }
    record = {"id": str(uuid_utils.uuid7()), **usual, **fields}
    return Draft(id=record["id"], body=encoded(record), given=given)


def bare(record: dict[str, Any]) -> Draft:
    """Return the draft of a record that has these fields and no others."""
    return Draft(id=record["id"], body=encoded(record))


def various(seed: int, count: int) -> list[dict[str, Any]]:
    """Return different records, the same ones for the same ``seed``."""
    chance = random.Random(seed)
    return [_various(chance, number) for number in range(count)]


def questions(seed: int, count: int) -> list[dict[str, Any]]:
    """Return different questions to records of `various`."""
    chance = random.Random(seed)
    return [_question(chance) for _ in range(count)]


def _various(chance: random.Random, number: int) -> dict[str, Any]:
    record: dict[str, Any] = {
        "id": f"r{number}",
        "time": moment(chance.randrange(60)),
        "kind": chance.choice(KINDS),
        "action": chance.choice(NAMES),
        "outcome": chance.choice(OUTCOMES),
    }
    for field, values in (("actor", NAMES), ("caller", NAMES), ("target", NAMES)):
        if chance.random() < 0.7:
            record[field] = chance.choice(values)
    if chance.random() < 0.8:
        record["operation_id"] = chance.choice(IDS)
        record["correlation_id"] = record["operation_id"] if chance.random() < 0.5 else chance.choice(IDS)
    if chance.random() < 0.6:
        record["subjects"] = chance.choices(NAMES, k=chance.randrange(4))
    return record


def _question(chance: random.Random) -> dict[str, Any]:
    asked: dict[str, Any] = {}
    choices = {
        "type": PATTERNS,
        "target": PATTERNS,
        "kind": KINDS,
        "actor": NAMES,
        "subject": NAMES,
        "caller": NAMES,
        "outcome": OUTCOMES,
        "correlation_id": IDS,
        "operation_id": IDS,
        "since": [moment(step) for step in range(60)],
        "until": [moment(step) for step in range(60)],
        "intents": (True, False),
    }
    for name in chance.sample(sorted(choices), k=chance.randrange(4)):
        asked[name] = chance.choice(choices[name])
    return asked
