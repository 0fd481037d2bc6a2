"""Records of older releases are read in the form of today; what is stored does not change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from signalpy import Event, Kernel, upcast
from signalpy.schemas import Schemas
from signalpy_audit_trail import AuditTrail, open_trail
from signalpy_audit_trail.versions import in_todays_form


class Paid(Event, type="versions.paid", version=3):
    """Something was paid."""

    cents: int


@upcast("versions.paid", from_version=1)
def renamed(data: dict[str, Any]) -> dict[str, Any]:
    return {"amount": data["sum"]}


@upcast("versions.paid", from_version=2)
def in_cents(data: dict[str, Any]) -> dict[str, Any]:
    return {"cents": data["amount"] * 100}


STORED = (
    ("versions.paid/v1", {"sum": 1}),
    ("versions.paid/v2", {"amount": 2}),
    ("versions.paid/v4", {"euros": 4}),
    ("versions.paid/v1", {"nothing": 5}),
    ("other", {"sum": 6}),
)


@pytest.mark.parametrize("store", ["file:trail", "sqlite:trail.db"])
async def test_old_and_new_payloads_are_read_and_flagged(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the runnable and offline alike; the stored bytes are those of then, and everything still verifies."""
    monkeypatch.chdir(tmp_path)
    kernel = Kernel({"audit-trail": {"store": store}})
    kernel.discover([AuditTrail])
    async with kernel:
        for schema, data in STORED:
            await kernel.bus.publish("versions.paid", data, schema=schema)
        await kernel.bus.publish(Paid(cents=700))
        asked = {"type": "versions.*", "order": "asc"}
        online = (await kernel.bus.invoke("audit-trail.query", asked))["entries"]
    told = [(one["schema"], one["data"], one.get("schema_reading", {}).get("flag")) for one in online]
    assert [
        ("versions.paid/v3", {"cents": 100}, "upcast"),
        ("versions.paid/v3", {"cents": 200}, "upcast"),
        ("versions.paid/v4", {"euros": 4}, "newer"),
        ("versions.paid/v1", {"nothing": 5}, "failed"),
        ("other", {"sum": 6}, None),
        ("versions.paid/v3", {"cents": 700}, None),
    ] == told
    assert "versions.paid/v1" == online[0]["schema_reading"]["stored"]
    with open_trail(store) as trail:
        assert online == trail.query(**asked)["entries"]
        assert online == [one for one in trail.records() if one["action"] == "versions.paid"]
        assert "holds" == trail.verify().verdict
    if store.startswith("file:"):
        lines = "".join(path.read_text() for path in (tmp_path / "trail").glob("*.jsonl"))
        assert '"data":{"sum":1}' in lines


def test_an_entry_without_a_schema_or_payload_is_itself() -> None:
    """Nothing is copied where nothing is to be done."""
    schemas = Schemas()
    for entry in ({}, {"schema": "a/v1"}, {"data": {}}, {"schema": 5, "data": {}}, {"schema": "a/v1", "data": {}}):
        assert entry is in_todays_form(entry, schemas)
