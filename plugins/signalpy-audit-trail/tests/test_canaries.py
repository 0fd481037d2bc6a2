"""Secrets are planted wherever a component can put a value, and every byte that is written is searched for them."""

from __future__ import annotations

import asyncio
import base64
import io
import logging
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from signalpy import Kernel, acting_as, component, runnable, subscribe
from signalpy_audit_trail import AuditTrail, open_trail


class Secret:
    """One planted secret: a value, and every form of it that must not be found."""

    def __init__(self, number: int) -> None:
        self.text = f"canary{number}QZJX{number * 7919}"

    def forms(self) -> list[bytes]:
        raw = self.text.encode()
        return [raw, raw.hex().encode(), base64.b64encode(raw), base64.b64encode(raw)[:-4]]


class Box(BaseModel):
    inner: str


class Opaque:
    """Shows what it holds to whoever prints it, and to nobody else."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return f"of {self.text}"


TEXT = Secret(101).text
CARRIERS = st.sampled_from(
    [
        TEXT,
        [TEXT],
        {TEXT: 1},
        {"deep": [{"deeper": (TEXT, 1)}]},
        {TEXT},
        TEXT.encode(),
        Box(inner=TEXT),
        {"bytes": bytearray(TEXT.encode()), "other": Decimal("1.5")},
        Path(TEXT),
        Opaque(TEXT),
        {"deep": [Opaque(TEXT)]},
        ValueError(TEXT),
    ]
)
NUMBER = 987_654_321_987
NUMBERS = st.sampled_from([NUMBER, Decimal(NUMBER), float(NUMBER), [NUMBER], {NUMBER: NUMBER}])


@component("leaky", version="1.0")
class Leaky:
    """Puts its parameters wherever it can."""

    kept: Any = None

    @runnable("echo")
    async def echo(self, params: Any) -> Any:
        self.kept = params
        return {"secret": params["secret"], "error": f"echo of {params['spoken']}"}

    @runnable("fail")
    async def fail(self, params: Any) -> None:
        try:
            raise KeyError(params["spoken"])
        except KeyError as error:
            raise ValueError(f"no {params['spoken']!r} {params['secret']}", params["number"]) from error

    @runnable("outer")
    async def outer(self, params: Any) -> None:
        await self.rt.invoke("leaky.fail", params["secret"])  # type: ignore[attr-defined]

    async def both(self) -> None:
        """Fails with a group of failures of operations whose values this one was never given."""
        async with asyncio.TaskGroup() as group:
            for _ in range(2):
                group.create_task(self.rt.invoke("leaky.fail", self.kept))  # type: ignore[attr-defined]

    @runnable("retold")
    async def retold(self) -> None:
        try:
            await self.both()
        except ExceptionGroup as failed:
            raise RuntimeError(f"failed: {failed.exceptions}") from None

    @subscribe("quiet.*")
    async def on_quiet(self, event_type: str, data: Any) -> None:
        await self.both()

    @subscribe("leak.*")
    async def on_leak(self, event_type: str, data: Any) -> None:
        raise RuntimeError(f"cannot take {data['spoken']} {data['number']} {data['secret']}")

    @subscribe("leak.*", background=True)
    async def later(self, event_type: str, data: Any) -> None:
        raise RuntimeError(f"cannot take {data['spoken']} later")


@contextmanager
def logged() -> Iterator[io.StringIO]:
    """What a handler at the root writes, tracebacks included."""
    stream, root = io.StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(stream), root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield stream
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


async def leak(kernel: Kernel, secrets: list[Secret], carried: Any, number: Any) -> None:
    """Every door through which a component can hand a value over."""
    spoken = secrets[0].text
    data = {"secret": carried, "spoken": spoken, "number": number, "who": "zoe"}
    with acting_as("alice", client={"secret": secrets[1].text, "agent": "curl"}):
        await kernel.bus.publish("leak.event", data, subject=[spoken, f"account:{spoken}", "zoe"])
        await kernel.bus.publish(
            "leak.failed", data, outcome="failure", error={"type": "E", "message": f"bad {spoken}"}
        )
        for _ in range(2):
            await kernel.bus.publish("leak.given", data, id="given-1")
        for target, params in (("echo", data), ("fail", data), ("outer", {"secret": data, "who": "zoe"})):
            with suppress(ValueError):
                await kernel.bus.invoke(f"leaky.{target}", params)
    await kernel.bus.publish("quiet.group", {})
    with suppress(RuntimeError):
        await kernel.bus.invoke("leaky.retold")
    await kernel.bus.invoke("audit-trail.query", {"subject": "zoe", "limit": 1})


def everything_in(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in folder.rglob("*"):
        if path.is_file():
            yield str(path.relative_to(folder)), path.read_bytes()


def found_after(carried: Any, number: Any, privacy: dict[str, Any], *, mode: str, store: str, audit: str) -> set[str]:
    """Where secrets are found after an application has leaked them, by file."""
    secrets = [Secret(number) for number in (101, 202)]
    with tempfile.TemporaryDirectory() as place, logged() as log:
        folder = Path(place)
        table = {
            "store": f"{store}://{folder}/trail",
            "mode": mode,
            "subjects": {"leak.*": ["spoken", "secret"], "leaky.*": ["params.spoken", "result.secret"]},
            "privacy": privacy,
        }

        async def run() -> None:
            kernel = Kernel(config={"audit-trail": table}, policies={"*": {"audit": audit}})
            kernel.discover([AuditTrail, Leaky])
            async with kernel:
                await leak(kernel, secrets, carried, number)

        asyncio.run(run())
        with open_trail(str(table["store"])) as trail:
            assert "holds" == trail.verify().verdict
            assert {"event", "invoke", "access"} <= {record["kind"] for record in trail.records()}
        written = [*everything_in(folder), ("log", log.getvalue().encode())]
    assert "did not reach leaky.on_leak" in log.getvalue()
    forms = [*(form for secret in secrets for form in secret.forms()), str(NUMBER).encode()]
    return {name for name, content in written for form in forms if form in content}


ANY = {
    "mode": st.sampled_from(["strict", "standard", "relaxed"]),
    "store": st.sampled_from(["file", "sqlite"]),
    "audit": st.sampled_from(["metadata", "request", "full"]),
}
ACTIONS = st.sampled_from(["redact", "hash", "tokenize", "encrypt"])


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.fixed_dictionaries({"carried": CARRIERS, "number": NUMBERS, **ANY}), ACTIONS)
def test_no_secret_is_found_in_any_byte_that_is_written(how: dict[str, Any], action: str) -> None:
    """Segments, tree, index, checkpoints, vault, log lines and tracebacks, whatever action the rules take."""
    fields = ["secret", "spoken", "number", "client.secret"]
    of_calls = ["params.secret", "params.spoken", "params.number", "result", "client.secret"]
    events, calls = ({"subject": "who"}, {"subject": "params.who"}) if action == "encrypt" else ({}, {})
    rules = [
        {"type": "leak.*", "field": fields, "action": action, **events},
        {"type": "leaky.*", "field": of_calls, "action": action, **calls},
    ]
    assert set() == found_after(**how, privacy={"rules": rules})


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.fixed_dictionaries({"carried": CARRIERS, "number": NUMBERS, **ANY}))
def test_no_secret_is_found_where_only_what_is_listed_is_kept(how: dict[str, Any]) -> None:
    """Without a rule on any of them."""
    rules = [{"field": ["who", "params.who"], "action": "keep"}]
    assert set() == found_after(**how, privacy={"default": "redact", "rules": rules})


async def asked_about(who: str, folder: Path) -> None:
    """Every way in which a question, or the reason to erase, can name whom it is about."""
    privacy = {"rules": [{"type": "leak.*", "field": "who", "action": "encrypt"}]}
    kernel = Kernel(config={"audit-trail": {"store": f"file://{folder}/trail", "privacy": privacy}})
    kernel.discover([AuditTrail])
    async with kernel:
        await kernel.bus.publish("leak.event", {"who": who}, subject=who)
        for asked in ({"subject": who, "type": f"*{who}*"}, {"subject": [who]}, {"subject": who, "kind": who}):
            with suppress(ValueError):
                await kernel.bus.invoke("audit-trail.query", asked)
        for _ in range(2):
            reason = {"subject": f"{who}-other", "reason": f"{who}-other asked for it"}
            await kernel.bus.invoke("audit-trail.erase", reason)


def test_no_question_names_the_person_it_is_about(tmp_path: Path) -> None:
    """Neither one that is answered nor one that is wrong, nor the reason to erase who is not there, nor a manifest."""
    who = Secret(303).text
    asyncio.run(asked_about(who, tmp_path))
    for words in (["erase", "--reason", f"{who} asked", "--subject", who], ["query", "--subject", who],
                  ["export", "--subject", who, "-o", "rows"], ["export", "--subject", who, "--cursor-file", "cursor"],
                  ["erase", "--reason", f"{who} asked again", "--subject", who]):  # fmt: skip
        command = [sys.executable, "-m", "signalpy", "audit", *words, "--store", "trail"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert (0, "") == (done.returncode, done.stderr)
    assert b"hmac-sha256:" in (tmp_path / "rows.manifest").read_bytes()
    assert set() == {name for name, content in everything_in(tmp_path) if who.encode() in content}


def test_without_rules_they_are_found() -> None:
    """In the log, in the index that serves its subjects, and in the lines of the kernel: the search is not blind."""
    secret = Secret(101).text
    found = found_after(secret, NUMBER, {}, mode="standard", store="file", audit="full")
    assert {"log"} < found
    assert any(name.endswith(".jsonl") for name in found)
    assert any("index" in name for name in found)
