"""The scenario: three installed distributions that know nothing of each other, and the same components in one file."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from signalpy.kernel import Kernel, component, lifecycle, requires, runnable, subscribe

EXPECTED = """
  === Transfers with audit trail ===
    [audit] {"event": "account.transfer", "data": {"from": "alice", "to": "bob", "amount": 150.0}}
    [audit] {"event": "account.transfer", "data": {"from": "bob", "to": "charlie", "amount": 75.0}}

  === Audit trail ===
    {'event': 'account.transfer', 'data': {'from': 'alice', 'to': 'bob', 'amount': 150.0}}
    {'event': 'account.transfer', 'data': {'from': 'bob', 'to': 'charlie', 'amount': 75.0}}

  === Final balances ===
    alice: $850.00
    bob: $575.00
    charlie: $325.00

  === Notifications sent ===
    bob: You received $150.00 from alice
    charlie: You received $75.00 from bob

  Audit trail demo complete.
"""


def run(*arguments: str, cwd: Path, code: int = 0, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs a program of the interpreter under test in a folder of its own."""
    environment = {**os.environ, "PYTHONWARNINGS": "error", **variables}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert code == done.returncode, done.stderr
    return done


class TestAuditTrail:
    """``python -m signalpy.examples.audit_trail``."""

    def test_it_prints_what_it_should_and_leaves_nothing_behind(self, tmp_path: Path) -> None:
        """Exactly the expected output, nothing on stderr, no file in the working directory."""
        done = run("-m", "signalpy.examples.audit_trail", cwd=tmp_path)
        assert EXPECTED == done.stdout
        assert "" == done.stderr
        assert [] == list(tmp_path.iterdir())

    def test_with_info_logging_the_policy_lines_are_on_stderr(self, tmp_path: Path) -> None:
        """One JSON object a line, in the order of the operations, and the same output."""
        done = run("-m", "signalpy.examples.audit_trail", "--log-level", "INFO", cwd=tmp_path)
        assert EXPECTED == done.stdout
        lines = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
        transfer = [
            {"action": "invoke", "caller": "kernel", "target": "accounts.transfer"},
            {"action": "publish", "caller": "accounts", "event": "account.transfer"},
            {"action": "invoke", "caller": "notifications", "target": "notifications.send"},
        ]
        assert [*transfer, *transfer, {"action": "invoke", "caller": "kernel", "target": "accounts.balance"}] == lines

    def test_an_application_that_configured_logging_gets_the_lines_in_its_own_way(self, tmp_path: Path) -> None:
        """A root logger that is set up already is left as it is."""
        program = (
            "import logging, sys\n"
            "logging.basicConfig(level=logging.INFO, format='%(name)s|%(message)s', stream=sys.stderr)\n"
            "from signalpy.examples.audit_trail import main\n"
            "sys.exit(main([]))\n"
        )
        done = run("-c", program, cwd=tmp_path)
        assert EXPECTED == done.stdout
        lines = [line for line in done.stderr.splitlines() if line.startswith("signalpy.audit|")]
        assert 7 == len([json.loads(line.partition("|")[2]) for line in lines])

    def test_with_a_plugin_missing_it_says_which_package_to_install(self, tmp_path: Path) -> None:
        """One line, exit code 2; in an environment that has everything else."""
        folder = tmp_path / "site"
        folder.mkdir()
        for site in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
            for item in Path(site).iterdir():
                if "signalpy_notifications" not in item.name:
                    (folder / item.name).symlink_to(item)
        path = [str(folder), *(entry for entry in sys.path if entry.endswith("src"))]
        done = run("-S", "-m", "signalpy.examples.audit_trail", cwd=tmp_path, code=2, PYTHONPATH=os.pathsep.join(path))
        assert ["audit_trail: this example needs signalpy-notifications: pip install signalpy-notifications"] == (
            done.stderr.splitlines()
        )


class TransferParams(BaseModel):
    from_account: str = ""
    to_account: str = ""
    amount: float = 0.0


class NotifyParams(BaseModel):
    user: str = ""
    message: str = ""


@component("accounts", version="1.0", depends=["config"])
@requires(config="IConfig")
class AccountService:
    """Manages accounts; written by hand, in one file."""

    @lifecycle.activate
    def activate(self) -> None:
        self._balances = {"alice": 1000.0, "bob": 500.0, "charlie": 250.0}

    @runnable("transfer", params=TransferParams, description="Transfer money")
    async def transfer(self, params: TransferParams) -> dict[str, Any]:
        self._balances[params.from_account] -= params.amount
        self._balances[params.to_account] += params.amount
        data = {"from": params.from_account, "to": params.to_account, "amount": params.amount}
        await self.rt.publish("account.transfer", data)  # type: ignore[attr-defined]
        return {"ok": True}

    @runnable("balance", params=BaseModel, description="Get balances")
    def balance(self, params: BaseModel) -> dict[str, float]:
        return dict(self._balances)


@component("notifications", version="1.0", depends=["config"])
class NotificationService:
    """Sends notifications; its handlers are sync where they can be."""

    @lifecycle.activate
    async def activate(self) -> None:
        self.sent: list[str] = []

    @runnable("send", params=NotifyParams)
    def send(self, params: NotifyParams) -> dict[str, bool]:
        self.sent.append(f"{params.user}: {params.message}")
        return {"sent": True}

    @subscribe("account.transfer")
    async def on_transfer(self, event_type: str, data: dict[str, Any]) -> None:
        message = f"You received ${data['amount']:.2f} from {data['from']}"
        await self.rt.invoke("notifications.send", {"user": data["to"], "message": message})  # type: ignore[attr-defined]


@component("audit-trail", version="1.0", depends=["config"])
class HandTrail:
    """Captures events in memory."""

    @lifecycle.activate
    def activate(self) -> None:
        self.entries: list[dict[str, Any]] = []

    @subscribe("account.*")
    def on_account_event(self, event_type: str, data: dict[str, Any]) -> None:
        self.entries.append({"event": event_type, "data": data})


async def test_the_same_components_by_hand(caplog: pytest.LogCaptureFixture) -> None:
    """Three classes given to discover, sync and async handlers alike; no installed distribution takes part."""
    caplog.set_level(logging.INFO, logger="signalpy.audit")
    kernel = Kernel()
    kernel.discover([AccountService, NotificationService, HandTrail])
    kernel.set_policy("accounts", {"audit": True})
    await kernel.boot()
    await kernel.bus.invoke("accounts.transfer", {"from_account": "alice", "to_account": "bob", "amount": 150.0})
    assert [{"event": "account.transfer", "data": {"from": "alice", "to": "bob", "amount": 150.0}}] == (
        kernel.get("audit-trail").entries
    )
    assert {"alice": 850.0, "bob": 650.0, "charlie": 250.0} == await kernel.bus.invoke("accounts.balance", {})
    assert ["bob: You received $150.00 from alice"] == kernel.get("notifications").sent
    assert {"accounts", "audit-trail", "config", "notifications"} == {row.name for row in kernel.plugins()}
    await kernel.shutdown()
    lines = [json.loads(record.getMessage()) for record in caplog.records if record.name == "signalpy.audit"]
    assert {"action": "publish", "caller": "accounts", "event": "account.transfer"} in lines
