"""Erasing a person: every reader says so, every proof holds, and a crash leaves either before or after."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from signalpy import AuditUnavailable, Kernel, PolicyDenied, acting_as, component, runnable
from signalpy.errors import InvalidParams
from signalpy_audit_trail import AuditTrail, open_trail
from signalpy_audit_trail.leaves import decoded
from signalpy_audit_trail.store import WriteFailed
from signalpy_audit_trail.stores import open_reader
from signalpy_audit_trail.vault.vault import Vault

RULES = [{"type": "mail.*", "field": ["text", "params.text"], "action": "encrypt", "subject": "to"}]
ERASED = {"$erased": True}
Child = Callable[..., subprocess.Popen[str]]


@component("office", version="1.0")
class Office:
    @runnable("forget")
    async def forget(self, params: Any) -> Any:
        return await self.rt.invoke("audit-trail.erase", {"subject": "zoe", "reason": "asked"})  # type: ignore[attr-defined]


@asynccontextmanager
async def running(url: str, policies: Any = None, **settings: Any) -> AsyncIterator[Kernel]:
    config = {"audit-trail": {"store": url, "privacy": {"rules": RULES}, **settings}}
    kernel = Kernel(config=config, policies=policies)
    kernel.discover([AuditTrail, Office])
    async with kernel:
        yield kernel


async def send(kernel: Kernel, text: str, to: str = "zoe") -> None:
    await kernel.bus.publish("mail.sent", {"to": to, "text": text}, subject=to)


async def texts(kernel: Kernel, **filters: Any) -> list[Any]:
    asked = {"type": "mail.*", "order": "asc", **filters}
    return [entry["data"]["text"] for entry in (await kernel.bus.invoke("audit-trail.query", asked))["entries"]]


async def erase(kernel: Kernel, subject: str = "zoe", reason: str = "Art. 17") -> dict[str, Any]:
    answer: dict[str, Any] = await kernel.bus.invoke("audit-trail.erase", {"subject": subject, "reason": reason})
    return answer


def stored(url: str, **fields: Any) -> list[dict[str, Any]]:
    reader = open_reader(url)
    try:
        records = [decoded(leaf, url) for _, leaf in reader.leaves()]
    finally:
        reader.close()
    return [record for record in records if fields.items() <= record.items()]


@pytest.fixture(params=["file", "sqlite", "memory"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return {"file": f"file://{tmp_path}/t", "sqlite": f"sqlite://{tmp_path}/t", "memory": f"memory:{tmp_path}"}[
        str(request.param)
    ]


@pytest.mark.parametrize("mode", ["strict", "standard", "relaxed"])
async def test_a_person_is_erased_and_every_proof_holds(url: str, mode: str) -> None:
    """What was encrypted is gone for every reader; others' is not; what comes later has another key."""
    async with running(url, mode=mode) as kernel:
        await send(kernel, "first")
        await send(kernel, "second")
        await send(kernel, "of bob", to="bob")
        with acting_as("dpo", client={"ip": "192.0.2.1"}):
            answer = await erase(kernel, reason="Zoe asked for it, zoe@example.org")
        await send(kernel, "later")
        assert [ERASED, ERASED, "of bob", "later"] == await texts(kernel)
        assert [ERASED, ERASED, "later"] == await texts(kernel, subject="zoe")
    assert (True, 1) == (answer["erased"], len(answer["keys"]))
    (record,) = stored(url, kind="erasure")
    assert (answer["seq"], "dpo", {"ip": "192.0.2.1"}) == (record["seq"], record["actor"], record["client"])
    assert [answer["subject"]] == record["subjects"]
    assert {"keys": answer["keys"], "reason": "[redacted] asked for it, [redacted]@example.org"} == record["data"]
    assert [] == stored(url, kind="access", action="audit-trail.erase")
    with open_trail(url) as trail:
        assert "holds" == trail.verify().verdict
        assert [ERASED, ERASED, "of bob", "later"] == [
            entry["data"]["text"] for entry in trail.query(type="mail.*", order="asc")["entries"]
        ]


async def test_a_second_erasure_does_nothing_and_says_so(url: str) -> None:
    """So does one of somebody who was never there; both are recorded as an access, without the name."""
    async with running(url) as kernel:
        await send(kernel, "text")
        await erase(kernel)
        again, never = await erase(kernel), await erase(kernel, "nobody-known")
    assert (False, "nothing to erase: every key of this subject was destroyed before") == (
        again["erased"],
        again["message"],
    )
    assert (False, "nothing to erase: no key was ever made for this subject") == (never["erased"], never["message"])
    assert 1 == len(stored(url, kind="erasure"))
    asked = [record["data"]["filters"]["subject"] for record in stored(url, action="audit-trail.erase", kind="access")]
    assert [again["subject"], never["subject"]] == asked
    assert "nobody-known" not in json.dumps(stored(url))


async def test_what_must_be_given_is_given(url: str) -> None:
    """A subject and a reason."""
    async with running(url) as kernel:
        for params in ({"subject": "zoe"}, {"subject": "", "reason": "x"}, {"subject": "zoe", "reason": ""}):
            with pytest.raises(InvalidParams):
                await kernel.bus.invoke("audit-trail.erase", params)


async def test_without_keys_there_is_nothing_to_erase(tmp_path: Path) -> None:
    """A trail without rules says so."""
    kernel = Kernel(config={"audit-trail": {"store": f"file://{tmp_path}/t"}})
    kernel.discover([AuditTrail])
    async with kernel:
        assert not (await erase(kernel))["erased"]


async def test_a_component_erases_only_if_its_policy_names_it(url: str) -> None:
    """To be allowed everything is not to be allowed this."""
    async with running(url) as kernel:
        await send(kernel, "text")
        with pytest.raises(PolicyDenied):
            await kernel.bus.invoke("office.forget", {})
        kernel.set_policy("office", {"invoke_allow": ["audit-trail.erase"]})
        assert (await kernel.bus.invoke("office.forget", {}))["erased"]
    (record,) = stored(url, kind="erasure")
    assert "office" == record["caller"]


async def test_what_cannot_be_recorded_is_not_destroyed(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The record is the commit. What came meanwhile is readable as well."""
    async with running(url) as kernel:
        await send(kernel, "before")

        def fail(*_: Any) -> None:
            raise WriteFailed("no room")

        with monkeypatch.context() as patched:
            patched.setattr("signalpy_audit_trail.writer.commit", fail)
            with pytest.raises(AuditUnavailable):
                await erase(kernel)
        while not (await kernel.bus.invoke("audit-trail.status"))["healthy"]:  # noqa: ASYNC110 (it tries every second)
            await asyncio.sleep(0.05)
        await send(kernel, "after")
        assert ["before", "after"] == await texts(kernel)
        answer = await erase(kernel)
        assert [ERASED, ERASED] == await texts(kernel)
    assert 2 == len(answer["keys"])
    assert 1 == len(stored(url, kind="erasure"))


async def test_keys_that_could_not_be_destroyed_are_by_the_next_attempt(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record is written once; readers say erased at once, and the keys go when they can."""
    async with running(url) as kernel:
        await send(kernel, "text")

        def fail(*_: Any) -> int:
            raise WriteFailed("no room")

        with monkeypatch.context() as patched:
            patched.setattr(Vault, "destroy", fail)
            with pytest.raises(WriteFailed):
                await erase(kernel)
        assert [ERASED] == await texts(kernel)
        assert (await erase(kernel))["erased"]
        assert not (await erase(kernel))["erased"]
    assert 1 == len(stored(url, kind="erasure"))


@pytest.mark.parametrize("scheme", ["file", "sqlite"])
@pytest.mark.parametrize(
    ("step", "expected"),
    [("begin", "text"), ("retire", "text"), ("record", ERASED), ("destroy", ERASED), ("traces", ERASED)],
)
async def test_a_crash_in_the_middle_leaves_before_or_after(
    scheme: str, step: str, expected: Any, tmp_path: Path, child: Child
) -> None:
    """Whatever step it comes after, the next start finishes it or begins anew; what is later is readable."""
    url = f"{scheme}://{tmp_path}/t"
    process = child("erase", url, step)
    assert -signal.SIGKILL == process.wait(60)
    key = stored(url, kind="event")[0]["data"]["text"]["$encrypted"]["key"]
    with open_trail(url) as trail:
        assert [expected] == [entry["data"]["text"] for entry in trail.query(type="mail.*")["entries"]]
    async with running(url) as kernel:
        vault = kernel.get("audit-trail")._safe.vault
        assert (expected is ERASED) == vault.is_destroyed(key)
        await send(kernel, "later")
        assert [expected, "later"] == await texts(kernel)
        assert (await erase(kernel))["erased"]
        assert [ERASED, ERASED] == await texts(kernel)
    with open_trail(url) as trail:
        assert "holds" == trail.verify().verdict


async def test_a_vault_from_a_backup_is_erased_again_when_the_trail_is_opened(tmp_path: Path) -> None:
    """What the log says counts, not what came back."""
    url, folder = f"file://{tmp_path}/t", tmp_path / "t.keys"
    async with running(url) as kernel:
        await send(kernel, "text")
    backup = (folder / "vault.sqlite3").read_bytes()
    async with running(url) as kernel:
        await erase(kernel)
    (folder / "vault.sqlite3").write_bytes(backup)
    with open_trail(url) as trail:
        assert [ERASED] == [entry["data"]["text"] for entry in trail.query(type="mail.*")["entries"]]
    async with running(url) as kernel:
        assert [ERASED] == await texts(kernel)
        assert kernel.get("audit-trail")._safe.vault.standing("zoe").destroyed


@pytest.mark.parametrize("lost", ["vault.sqlite3*", "*"])
async def test_a_vault_that_was_lost_is_told_and_not_made_anew_in_silence(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, lost: str
) -> None:
    """Once: what comes later has keys of the new one. A start with the old one says nothing."""
    url = f"file://{tmp_path}/t"
    for _ in range(2):
        async with running(url) as kernel:
            await send(kernel, "text")
    assert "had another before" not in caplog.text
    for path in (tmp_path / "t.keys").glob(lost):
        path.unlink()
    async with running(url) as kernel:
        await send(kernel, "later")
        assert "later" == (await texts(kernel))[-1]
    assert 1 == caplog.text.count("vault.sqlite3 is new, and the trail had another before")
    async with running(url):
        assert 1 == caplog.text.count("had another before")


async def test_a_copy_without_keys_says_what_is_erased(tmp_path: Path) -> None:
    """The log tells it; what is not erased stays as it is stored."""
    url = f"file://{tmp_path}/t"
    async with running(url) as kernel:
        await send(kernel, "text")
        await send(kernel, "of bob", to="bob")
        await erase(kernel)
    (tmp_path / "t.keys").rename(tmp_path / "gone")
    with open_trail(url) as trail:
        first, second = (entry["data"]["text"] for entry in trail.query(type="mail.*", order="asc")["entries"])
    assert ERASED == first
    assert {"$encrypted"} == set(second)


async def test_another_process_erases_while_the_application_runs(tmp_path: Path, child: Child) -> None:
    """What the application writes afterwards has another key, though it had the old one in its memory."""
    url = f"file://{tmp_path}/t"
    async with running(url) as kernel:
        await send(kernel, "before")
        process = child("erase", url, "all")
        assert 0 == await asyncio.to_thread(process.wait, 60)
        await send(kernel, "after")
        assert [ERASED, "after"] == await texts(kernel)
        assert (await erase(kernel))["erased"]
        assert [ERASED, ERASED] == await texts(kernel)


async def test_events_and_erasures_at_once_lose_nothing_but_what_is_erased(tmp_path: Path) -> None:
    """Each event is readable, or it was recorded under a key that an erasure names."""
    url = f"file://{tmp_path}/t"
    async with running(url) as kernel:

        async def publish(worker: int) -> None:
            for number in range(30):
                await send(kernel, f"{worker} {number}")

        async def forget() -> None:
            for _ in range(5):
                await erase(kernel)
                await asyncio.sleep(0.005)

        await asyncio.gather(*(publish(worker) for worker in range(4)), forget())
        found = await texts(kernel, limit=1000)
    assert 120 == len(found)
    named = {key for record in stored(url, kind="erasure") for key in record["data"]["keys"]}
    sealed = [record["data"]["text"]["$encrypted"]["key"] for record in stored(url, kind="event")]
    assert [key in named for key in sealed] == [text == ERASED for text in found]


@pytest.mark.parametrize("scheme", ["file", "sqlite"])
async def test_what_a_crash_left_in_doubt_is_readable_and_erased_like_all_else(
    scheme: str, tmp_path: Path, child: Child
) -> None:
    """The values of the intent are sealed anew for the record that tells of the doubt, and under the same key."""
    url = f"{scheme}://{tmp_path}/t"
    assert -signal.SIGKILL == child("sealed", url).wait(60)
    async with running(url) as kernel:
        asked = {"type": "child.die", "order": "asc"}
        entries = (await kernel.bus.invoke("audit-trail.query", asked))["entries"]
        assert ["intent", "in_doubt"] == [entry["outcome"] for entry in entries]
        assert ["secret"] * 2 == [entry["data"]["params"]["note"] for entry in entries]
        await erase(kernel)
        entries = (await kernel.bus.invoke("audit-trail.query", asked))["entries"]
        assert [ERASED] * 2 == [entry["data"]["params"]["note"] for entry in entries]
    intent, doubt = stored(url, action="child.die")
    assert intent["data"]["params"]["note"] != doubt["data"]["params"]["note"]
    assert intent["data"]["params"]["note"]["$encrypted"]["key"] == doubt["data"]["params"]["note"]["$encrypted"]["key"]
    assert "secret" not in json.dumps(stored(url))
