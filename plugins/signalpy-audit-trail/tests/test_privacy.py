"""Privacy on a real kernel: what is stored, and how those who may read see it, over every store and mode."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from signalpy import BootError, Event, Kernel, acting_as, component, runnable, subscribe
from signalpy_audit_trail import AuditTrail, open_trail
from signalpy_audit_trail.leaves import decoded
from signalpy_audit_trail.stores import open_reader

Urls = Callable[[str], str]
STORES = ["file", "sqlite", "memory"]
MODES = ["strict", "standard", "relaxed"]


class Address(BaseModel):
    street: str
    zip: int


class Customer(BaseModel):
    name: str
    pin: int = 0
    limit: Decimal = Decimal("1.5")
    photo: bytes = b""
    address: Address = Address(street="", zip=0)
    balances: dict[str, int] = {}


@component("shop", version="1.0")
class Shop:
    @runnable("register", params=Customer)
    async def register(self, params: Customer) -> dict[str, Any]:
        return {"card": "4111111111111111", "customer": params.name}

    @runnable("fail", params=Customer)
    async def fail(self, params: Customer) -> None:
        raise ValueError(f"no account of {params.name} (pin {params.pin}), at {params.address.street!r}")

    @runnable("outer")
    async def outer(self, params: Any) -> Any:
        return await self.rt.invoke("shop.fail", params["inner"])  # type: ignore[attr-defined]

    @subscribe("order.odd")
    async def on_odd(self, event_type: str, data: Any) -> None:
        self.rt.log.warning("taking %s", data["note"])  # type: ignore[attr-defined]
        whole = f"taking {data['note']}"
        self.rt.log.warning(whole)  # type: ignore[attr-defined]
        raise ValueError(f"cannot handle {data['note']}")

    @subscribe("order.bad")
    async def on_bad(self, event_type: str, data: Any) -> None:
        raise ValueError(f"cannot handle {data['note']}")


class Note:
    """Shows what it holds to whoever prints it, and to nobody else."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text


@pytest.fixture(name="url")
def _url(tmp_path: Path) -> Urls:
    """A store of a scheme, in the test's own folder."""
    places = {
        "file": f"file://{tmp_path}/trail",
        "sqlite": f"sqlite://{tmp_path}/trail.db",
        "memory": f"memory:{tmp_path}",
    }
    return places.__getitem__


@asynccontextmanager
async def running(
    url: str, *rules: dict[str, Any], audit: str = "full", subjects: Any = None, mode: str = "standard", **privacy: Any
) -> AsyncIterator[Kernel]:
    table = {"store": url, "mode": mode, "subjects": subjects or {}, "privacy": {"rules": list(rules), **privacy}}
    policies = {"*": {"audit": audit}} if audit != "none" else {"shop.outer": {"audit": "metadata"}}
    kernel = Kernel(config={"audit-trail": table, "plugins": {"required": ["audit-trail"]}}, policies=policies)
    kernel.discover([AuditTrail, Shop])
    async with kernel:
        yield kernel


def stored(url: str, **fields: Any) -> list[dict[str, Any]]:
    """The records as they are stored."""
    reader = open_reader(url)
    try:
        records = [decoded(leaf, url) for _, leaf in reader.leaves()]
    finally:
        reader.close()
    return [record for record in records if fields.items() <= record.items()]


def rule(field: str | list[str], action: str, type: str = "*", **more: Any) -> dict[str, Any]:
    return {"type": type, "field": field, "action": action, **more}


ORDER = {"customer": "zoe", "total": 12, "lines": [{"note": "gift for bob", "sku": 1}, {"note": "fragile", "sku": 2}]}


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("mode", MODES)
async def test_every_action_in_every_store_and_mode(url: Urls, store: str, mode: str) -> None:
    """Each rule gives its value the form that it is documented to have; those who may read see what is encrypted."""
    rules = [
        rule("total", "redact", "order.*"),
        rule("lines[*].sku", "tokenize", "order.*"),
        rule("lines[*].note", "encrypt", "order.*", subject="customer"),
        rule("customer", "hash", "order.*"),
    ]
    async with running(url(store), *rules, mode=mode) as kernel:
        await kernel.bus.publish("order.placed", ORDER, subject="zoe")
        answer = await kernel.bus.invoke("audit-trail.query", {"subject": "zoe", "type": "order.*"})
    (event,) = stored(url(store), kind="event")
    data = event["data"]
    assert "[redacted]" == data["total"]
    assert data["customer"].startswith("hmac-sha256:")
    assert [data["customer"]] == event["subjects"]
    assert all(line["sku"].startswith("tok_") for line in data["lines"])
    assert [{"$encrypted"}] * 2 == [set(line["note"]) for line in data["lines"]]
    (entry,) = answer["entries"]
    assert ["gift for bob", "fragile"] == [line["note"] for line in entry["data"]["lines"]]
    assert event["subjects"] == entry["subjects"]


@pytest.mark.parametrize("mode", MODES)
async def test_both_records_of_a_call_are_protected(url: Urls, mode: str) -> None:
    """Parameters in the intent and in the outcome, results, client and nested values of every kind."""
    rules = [
        rule(["params.pin", "params.address.zip", "params.limit", "params.photo"], "redact", "shop.*"),
        rule(["params.balances", "result.customer", "client.ip"], "hash", "shop.*"),
        rule("params.name", "encrypt", "shop.*", subject="params.name"),
    ]
    params = {"name": "zoe", "pin": 4711, "address": {"street": "x", "zip": 8000}, "balances": {"secret-key": 5}}
    async with running(url("file"), *rules, mode=mode, detect=["pan"]) as kernel:
        with acting_as("alice", client={"ip": "192.0.2.7", "agent": "curl"}):
            await kernel.bus.invoke("shop.register", Customer(**params, photo=b"\xffphoto", limit=Decimal("99.125")))
    calls = stored(url("file"), action="shop.register")
    assert (2 if mode == "strict" else 1) == len(calls)
    for record in calls:
        told = record["data"]["params"]
        assert ["[redacted]"] * 4 == [told["pin"], told["address"]["zip"], told["limit"], told["photo"]]
        assert told["balances"].startswith("hmac-sha256:")
        assert {"$encrypted"} == set(told["name"])
        assert "x" == told["address"]["street"]
        assert record["client"]["ip"].startswith("hmac-sha256:")
        assert "curl" == record["client"]["agent"]
    assert "[redacted]" == calls[-1]["data"]["result"]["card"]
    assert calls[-1]["data"]["result"]["customer"].startswith("hmac-sha256:")


@pytest.mark.parametrize("audit", ["metadata", "request", "full"])
async def test_error_texts_tell_no_value_that_is_protected(
    url: Urls, audit: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Also where the parameters themselves are not recorded, and in the record of the operation around it."""
    rules = [rule(["params.name", "params.pin", "params.address"], "redact", "shop.fail")]
    params = {"name": "Zoe Miller", "pin": 7, "address": {"street": "Elm 'n Oak", "zip": 1}}
    async with running(url("file"), *rules, audit=audit) as kernel:
        with pytest.raises(ValueError, match="Zoe Miller"):
            await kernel.bus.invoke("shop.outer", {"inner": params})
    inner, outer = stored(url("file"), kind="invoke")
    assert 'no account of [redacted] (pin [redacted]), at "[redacted]"' == inner["error"]["message"]
    assert inner["error"] == outer["error"]


async def test_an_operation_that_is_not_recorded_protects_its_values_in_the_records_of_others(url: Urls) -> None:
    """The exception of a call inside, of which no record is wanted, tells the record of the call around it no value."""
    params = {"name": "Zoe Miller", "pin": 7}
    async with running(url("file"), rule("params.name", "redact", "shop.fail"), audit="none") as kernel:
        with pytest.raises(ValueError, match="Zoe Miller"):
            await kernel.bus.invoke("shop.outer", {"inner": params})
    (outer,) = stored(url("file"), kind="invoke")
    assert ("shop.outer", True) == (outer["action"], "no account of [redacted]" in outer["error"]["message"])


async def test_of_what_cannot_be_looked_into_the_log_tells_where_it_failed_and_no_more(
    url: Urls, caplog: pytest.LogCaptureFixture
) -> None:
    """Frames without words; of a component's own line what stands before the values."""
    async with running(url("file"), rule("note", "redact", "order.*")) as kernel:
        await kernel.bus.publish("order.odd", {"note": Note("secret-note")})
    assert "secret-note" not in caplog.text
    assert "order.odd did not reach shop.on_odd: ValueError" in caplog.text
    assert "in on_odd" in caplog.text
    said = [record.getMessage() for record in caplog.records if record.name == "signalpy.component.shop"]
    assert ["taking %s", "[redacted]"] == said


async def test_the_log_lines_of_the_kernel_tell_no_value_that_is_protected(
    url: Urls, caplog: pytest.LogCaptureFixture
) -> None:
    """A dead letter is logged with its traceback, and without what a rule protects."""
    async with running(url("file"), rule("note", "redact", "order.*")) as kernel:
        await kernel.bus.publish("order.bad", {"note": "secret-note"})
    assert "order.bad did not reach shop.on_bad" in caplog.text
    assert "ValueError: cannot handle [redacted]" in caplog.text
    assert "secret-note" not in caplog.text
    caplog.clear()
    async with running(url("file")) as kernel:
        await kernel.bus.publish("order.bad", {"note": "secret-note"})
    assert "ValueError: cannot handle secret-note" in caplog.text


async def test_the_default_redact_keeps_only_what_is_listed(url: Urls) -> None:
    """Names of fields stay, values only where a rule keeps them; nested ones are looked into where a rule leads."""
    rules = [rule(["total", "lines[*].sku"], "keep", "order.*"), rule("params.pin", "keep", "shop.*")]
    async with running(url("file"), *rules, default="redact") as kernel:
        await kernel.bus.publish("order.placed", {**ORDER, "äöü secret": 1, "more": {"a": [1]}}, subject="order:7")
        with acting_as("alice", client={"ip": "192.0.2.7"}), pytest.raises(ValueError, match="zoe"):
            await kernel.bus.invoke("shop.fail", {"name": "zoe", "pin": 7})
    (event,) = stored(url("file"), kind="event")
    lines = [{"note": "[redacted]", "sku": 1}, {"note": "[redacted]", "sku": 2}]
    expected = {"customer": "[redacted]", "total": 12, "lines": lines, "[redacted]": "[redacted]", "more": "[redacted]"}
    assert expected == event["data"]
    assert ["order:7"] == event["subjects"]
    (call,) = stored(url("file"), kind="invoke")
    assert {"name": "[redacted]", "pin": 7} == {key: call["data"]["params"][key] for key in ("name", "pin")}
    assert {"type": "ValueError", "message": "[redacted]", "by": "shop"} == call["error"]
    assert {"ip": "[redacted]"} == call["client"]
    assert all(record["data"]["settings"] for record in stored(url("file"), action="audit-trail.started"))


async def test_the_first_rule_that_names_a_field_wins(url: Urls) -> None:
    """Order in the table is order of precedence."""
    rules = [rule("total", "keep", "order.placed"), rule("total", "redact", "order.*"), rule("*", "hash", "order.*")]
    async with running(url("file"), *rules) as kernel:
        await kernel.bus.publish("order.placed", {"total": 1, "x": 2})
        await kernel.bus.publish("order.paid", {"total": 1, "x": 2})
    placed, paid = (event["data"] for event in stored(url("file"), kind="event"))
    assert (1, "[redacted]") == (placed["total"], paid["total"])
    assert placed["x"] == paid["x"] != 2


async def test_subjects_are_protected_as_the_value_that_they_are(url: Urls) -> None:
    """A name that a rule protects does not come into the log by way of the subjects."""
    paths = {"*": ["customer"]}
    rules = [
        rule("customer", "hash", "a"),
        rule("customer", "redact", "b"),
        rule("customer", "tokenize", "c"),
        rule("note", "encrypt", "d", subject="customer"),
        rule("subjects", "hash", "e"),
    ]
    async with running(url("file"), *rules, subjects=paths) as kernel:
        for name in "abcdef":
            data = {"customer": "zoe-smith", "note": "n"}
            await kernel.bus.publish(name, data, subject=["account:zoe-smith", "order:7"])
        answer = await kernel.bus.invoke("audit-trail.query", {"subject": "zoe-smith", "order": "asc"})
        counts = await kernel.bus.invoke("audit-trail.query", {"subject": "zoe-smith", "count_by": "type"})
    found = {event["action"]: event["subjects"] for event in stored(url("file"), kind="event")}
    hashed = found["e"]
    assert 3 == len([form for form in hashed if form.startswith("hmac-sha256:")])
    assert [hashed[0], "order:7", hashed[2]] == found["a"]
    assert ["account:[redacted]", "order:7", "[redacted]"] == found["b"]
    assert ("tok_", "order:7", "tok_") == (found["c"][0][:4], found["c"][1], found["c"][2][:4])
    assert hashed == found["d"]
    assert ["account:zoe-smith", "order:7", "zoe-smith"] == found["f"]
    assert ["a", "c", "d", "e", "f"] == [entry["action"] for entry in answer["entries"]]
    assert dict.fromkeys("acdef", 1) == counts["counts"]


async def test_a_query_by_subject_is_paged_over_all_its_forms(url: Urls) -> None:
    """What was stored before there were rules, and what was stored under them, is found in one order."""
    for rules in ([], [rule("x", "encrypt", subject="customer")]):
        async with running(url("file"), *rules) as kernel:
            for _ in range(5):
                await kernel.bus.publish("order.placed", {"x": 1, "customer": "zoe"}, subject="zoe")
    seqs: list[int] = []
    async with running(url("file"), rule("x", "encrypt", subject="customer")) as kernel:
        cursor = None
        while True:
            asked = {"subject": "zoe", "limit": 3, "type": "order.*", "cursor": cursor}
            page = await kernel.bus.invoke("audit-trail.query", asked)
            seqs += [entry["seq"] for entry in page["entries"]]
            cursor = page["next"]
            if cursor is None:
                break
    assert 10 == len(seqs)
    assert seqs == sorted(seqs, reverse=True)
    asked = [record["data"]["filters"] for record in stored(url("file"), kind="access")]
    assert all(filters["subject"].startswith("hmac-sha256:") for filters in asked)
    assert {"[redacted]"} == {filters["cursor"] for filters in asked if "cursor" in filters}


@pytest.mark.parametrize("store", STORES)
async def test_a_repeated_delivery_is_known_by_what_is_encrypted(url: Urls, store: str) -> None:
    """The same fact under the same id is recorded once, also where its data are stored under another id."""
    async with running(url(store), rule("note", "encrypt", subject="customer"), rule("pan", "tokenize")) as kernel:
        for note in ("a", "a", "b", "b", "a"):
            await kernel.bus.publish("order.placed", {"note": note, "customer": "zoe", "pan": 1}, id="evt-1")
        entries = (await kernel.bus.invoke("audit-trail.query", {"type": "order.*", "order": "asc"}))["entries"]
    assert [("evt-1", None, "a"), (entries[1]["id"], "evt-1", "b")] == [
        (entry["id"], entry.get("duplicate_of"), entry["data"]["note"]) for entry in entries
    ]


async def test_whose_key_it_is_must_be_known(url: Urls, caplog: pytest.LogCaptureFixture) -> None:
    """The subject beside the field, else the first of the record; without one the value is redacted, and it is said."""
    rules = [
        rule("lines[*].note", "encrypt", "order.*", subject="lines[*].customer"),
        rule("note", "encrypt", "mail.*"),
    ]
    async with running(url("file"), *rules) as kernel:
        await kernel.bus.publish(
            "order.placed", {"lines": [{"note": "a", "customer": 1}, {"note": "b", "customer": "2"}, {"note": "c"}]}
        )
        await kernel.bus.publish("mail.sent", {"note": "d"}, subject="zoe")
        for _ in range(2):
            await kernel.bus.publish("mail.sent", {"note": "e"})
    order, mail, lost, _ = (event["data"] for event in stored(url("file"), kind="event"))
    keys = [line["note"]["$encrypted"]["key"] for line in order["lines"][:2]]
    assert 3 == len({*keys, mail["note"]["$encrypted"]["key"]})
    assert ["[redacted]"] * 2 == [order["lines"][2]["note"], lost["note"]]
    told = [record.getMessage() for record in caplog.records if "redacted instead" in record.getMessage()]
    assert [
        "order.placed: data.lines[*].note is redacted instead of encrypted: nobody at data.lines[*].customer",
        "mail.sent: data.note is redacted instead of encrypted: its record has no subject",
    ] == told


async def test_keys_are_made_on_first_use_and_one_warning_says_where(
    url: Urls, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """They lie beside the trail, for their owner only, and never in it."""
    for _ in range(2):
        async with running(url("file"), rule("a", "hash")) as kernel:
            await kernel.bus.publish("x", {"a": 1})
    folder = tmp_path / "trail.keys"
    files = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert {"hmac.secret": 0o600, "kek.key": 0o600, "vault.sqlite3": 0o600}.items() <= files.items()
    assert 0o700 == folder.stat().st_mode & 0o777
    assert 1 == len([record for record in caplog.records if "Keep them elsewhere" in record.getMessage()])
    one, other = (event["data"] for event in stored(url("file"), kind="event"))
    assert one == other


async def test_without_rules_no_key_is_made(url: Urls, tmp_path: Path) -> None:
    """Nor where rules need none."""
    async with running(url("file"), rule("a", "redact"), detect=["pan"], default="redact"):
        pass
    assert {"public.keys", "signing.key"} == {path.name for path in (tmp_path / "trail.keys").iterdir()}


@pytest.mark.parametrize(
    ("privacy", "words"),
    [
        ({"hmac_secret": "env:NO_SUCH_SECRET"}, "no variable NO_SUCH_SECRET"),
        ({"hmac_secret": "file:/nowhere/x"}, "cannot be read"),
        ({"key_encryption_key": lambda: b"short"}, "expected 32 bytes"),
        ({"key_encryption_key": lambda: 1 / 0}, "ZeroDivisionError"),
        ({"rules": [{"field": "a", "action": "hide"}]}, "privacy.rules.0..action|expected one of keep"),
    ],
)
async def test_what_is_wrong_with_a_key_or_a_rule_stops_the_boot(url: Urls, privacy: Any, words: str) -> None:
    """And not the first event."""
    with pytest.raises(BootError, match=words):
        async with running(url("file"), *[rule("a", "hash")][: "rules" not in privacy], **privacy):
            pass


@pytest.mark.parametrize("name", ["hmac_secret", "key_encryption_key"])
async def test_another_key_than_before_stops_the_boot(url: Urls, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong or a missing key is noticed at once, and told in one line without the key."""
    keys = {"hmac_secret": lambda: b"s" * 32, "key_encryption_key": lambda: b"k" * 32}
    async with running(url("file"), rule("a", "hash"), **keys):
        pass
    with pytest.raises(BootError, match=f"privacy.{name}") as caught:
        async with running(url("file"), rule("a", "hash"), **{**keys, name: lambda: b"x" * 32}):
            pass
    assert "xxxx" not in str(caught.value)
    async with running(url("file"), rule("a", "hash"), **keys):
        pass


async def test_a_lost_secret_is_not_replaced_by_another(url: Urls, tmp_path: Path) -> None:
    """A new one would make two forms of everybody."""
    async with running(url("file"), rule("a", "hash")):
        pass
    (tmp_path / "trail.keys" / "hmac.secret").unlink()
    with pytest.raises(BootError, match=r"hmac\.secret"):
        async with running(url("file"), rule("a", "hash")):
            pass


async def test_keys_that_others_may_read_are_not_used(url: Urls, tmp_path: Path) -> None:
    """As with the signing key."""
    async with running(url("file"), rule("a", "hash")):
        pass
    (tmp_path / "trail.keys" / "kek.key").chmod(0o644)
    with pytest.raises(BootError, match="chmod 600"):
        async with running(url("file"), rule("a", "hash")):
            pass


async def test_open_trail_reads_with_the_keys_that_are_in_reach(url: Urls, tmp_path: Path) -> None:
    """Beside the trail, or where it is told; without them what is encrypted stays as it is."""
    async with running(url("file"), rule("note", "encrypt", subject="customer")) as kernel:
        await kernel.bus.publish("order.placed", {"note": "secret", "customer": "zoe"}, subject="zoe")
    with open_trail(tmp_path / "trail") as trail:
        assert ["secret"] == [entry["data"]["note"] for entry in trail.query(subject="zoe")["entries"]]
        assert "secret" in [record["data"]["note"] for record in trail.records() if record["kind"] == "event"]
    (tmp_path / "trail.keys").rename(tmp_path / "elsewhere")
    with open_trail(tmp_path / "trail") as trail:
        assert [] == trail.query(subject="zoe")["entries"]
        assert {"$encrypted"} == set(trail.query(type="order.*")["entries"][0]["data"]["note"])
    with open_trail(tmp_path / "trail", keys=tmp_path / "elsewhere") as trail:
        assert ["secret"] == [entry["data"]["note"] for entry in trail.query(subject="zoe")["entries"]]


async def test_the_started_record_tells_the_rules_and_no_key(url: Urls) -> None:
    """An auditor sees under which rules the trail was written."""
    async with running(url("file"), rule("a", "hash"), hmac_secret=lambda: b"s" * 32, detect=["pan"]):
        pass
    (started,) = stored(url("file"), action="audit-trail.started")
    told = {"rules": [{"type": ["*"], "field": ["a"], "action": "hash"}], "default": "keep", "detect": ["pan"]}
    assert told == started["data"]["settings"]["privacy"]


async def test_a_trail_in_memory_keeps_its_keys_there() -> None:
    """They are gone with it."""
    async with running("memory:", rule("a", "encrypt", subject="b"), audit="metadata") as kernel:
        await kernel.bus.publish("x", {"a": 1, "b": 2})
        (entry,) = (await kernel.bus.invoke("audit-trail.query", {"type": "x"}))["entries"]
    assert {"a": 1, "b": 2} == entry["data"]


class Mailed(Event, type="mail.sent"):
    to: str
    seal: bytes = b"\xff\xfe"  # what no JSON Schema can show as a default


async def test_a_rule_that_can_never_match_is_told_when_everything_has_started(
    url: Urls, caplog: pytest.LogCaptureFixture
) -> None:
    """Runnables and typed events are known by then; what may match is not told."""
    rules = [
        rule("params.pni", "redact", "shop.register"),
        rule("too", "redact", "mail.sent"),
        rule(["params.pin", "params.address.zip", "result.x"], "redact", "shop.*"),
    ]
    async with running(url("file"), *rules) as kernel:
        await kernel.bus.publish(Mailed(to="zoe"))
    assert [
        (
            "privacy.rules[0].field: params.pni can never match: no runnable that it is about (shop.register) has this"
            " field. Did you mean 'pin'?"
        ),
        (
            "privacy.rules[1].field: too can never match: no typed event that it is about (mail.sent) has this field."
            " Did you mean 'to'?"
        ),
    ] == [record.getMessage() for record in caplog.records if "never match" in record.getMessage()]
