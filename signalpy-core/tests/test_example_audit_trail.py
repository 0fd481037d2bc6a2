"""The example where it cannot run: it says what to do. That it prints what it should is tested with the plugins."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from signalpy.examples.audit_trail import configured

if TYPE_CHECKING:
    from conftest import Site


def run(bare: Site, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-S", "-m", "signalpy.examples.audit_trail", *arguments],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(bare.root)},
        check=False,
    )


def test_missing_plugins_are_named(bare: Site) -> None:
    """With nothing but the core it names all three packages, on one line, and could not run."""
    result = run(bare)
    expected = (
        "audit_trail: this example needs signalpy-accounts and signalpy-notifications and signalpy-audit-trail: "
        "pip install signalpy-accounts signalpy-notifications signalpy-audit-trail\n"
    )
    assert (expected, "", 2) == (result.stderr, result.stdout, result.returncode)


def test_a_missing_plugin_is_named(bare: Site) -> None:
    """With one missing it names that one."""
    bare.component("signalpy-accounts", "accounts")
    bare.component("signalpy-notifications", "notifications")
    result = run(bare)
    assert "audit_trail: this example needs signalpy-audit-trail: pip install signalpy-audit-trail\n" == result.stderr
    assert 2 == result.returncode
    assert not bare.imported


def test_a_plugin_that_cannot_be_loaded(bare: Site) -> None:
    """With one that does not fit it says why."""
    for name in ("notifications", "audit-trail"):
        bare.component(f"signalpy-{name}", name)
    bare.component("signalpy-accounts", "accounts", metadata="Requires-Dist: signalpy-core>=99\n")
    result = run(bare)
    assert "audit_trail: accounts cannot be loaded: it needs signalpy-core>=99, found " in result.stderr
    assert (1, 2) == (result.stderr.count("\n"), result.returncode)


def test_a_plugin_that_fails(bare: Site) -> None:
    """With one that breaks on import the last line says why."""
    for name in ("accounts", "notifications", "audit-trail"):
        bare.component(f"signalpy-{name}", name)
    (bare.root / "signalpy_accounts.py").write_text("raise RuntimeError('no')")
    result = run(bare)
    assert "importing signalpy_accounts failed: RuntimeError: no" in result.stderr.splitlines()[-1]
    assert 2 == result.returncode


def test_others_take_no_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the three distributions are allowed, whatever the environment says."""
    monkeypatch.setenv("SIGNALPY__PLUGINS__ALLOW", '["*"]')
    found = configured(tmp_path)
    assert ("signalpy-accounts", "signalpy-notifications", "signalpy-audit-trail") == found.plugins.allow
    assert (tmp_path / "trail").as_uri() == found.tables["audit-trail"]["store"]
    assert {"accounts": {"audit": True}, "notifications": {"audit": True}} == found.policy
