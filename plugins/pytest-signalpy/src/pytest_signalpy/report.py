"""``--signalpy-report FILE``: how the checks of ``PluginContract`` ended, as JSON for a program to read."""

from __future__ import annotations

import json
import os
import platform
from importlib.metadata import PackageNotFoundError, entry_points, version
from pathlib import Path
from typing import Any, Final

import pytest

OPTION: Final = "--signalpy-report"
FORMAT: Final = 1
PROPERTY: Final = "signalpy_check"


def note(node: pytest.Item, *, component: str, check: str, says: str) -> None:
    """Marks a test as a check of the contract; what is noted travels with its reports, also from another process."""
    node.user_properties.append((PROPERTY, {"component": component, "check": check, "says": says}))


class Report:
    """Collects the reports of a session and writes the file when it ends.

    The file is ``{"format": 1, "python", "pytest", "pytest_signalpy", "signalpy_core", "plugins": [{"component",
    "distribution", "version", "verdict": "holds" | "broken", "checks": [{"check", "says", "outcome",
    "message"}, …]}]}``; an outcome is ``passed``, ``failed``, ``switched_off`` or ``does_not_apply``.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._checks: dict[str, dict[str, dict[str, Any]]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keeps how a check ended; of its phases a failed one counts."""
        noted = dict(report.user_properties).get(PROPERTY)
        if not isinstance(noted, dict):
            return
        checks = self._checks.setdefault(noted["component"], {})
        held = checks.get(report.nodeid)
        if held is not None and (held["outcome"] != "passed" or report.passed):
            return
        outcome, message = _ended(report)
        checks[report.nodeid] = {"check": noted["check"], "says": noted["says"], "outcome": outcome, "message": message}

    def pytest_sessionfinish(self) -> None:
        """Writes the file in one step."""
        partial = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        partial.write_text(json.dumps(self.as_dict(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        partial.replace(self._path)

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON values."""
        return {
            "format": FORMAT,
            "python": platform.python_version(),
            "pytest": version("pytest"),
            "pytest_signalpy": version("pytest-signalpy"),
            "signalpy_core": version("signalpy-core"),
            "plugins": [_plugin(name, list(checks.values())) for name, checks in sorted(self._checks.items())],
        }


def report_to(text: str) -> Report:
    """The report that is to be written to a path.

    :raises pytest.UsageError: if no file can be made there.
    """
    path = Path(text).absolute()
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise pytest.UsageError(f"{OPTION}: no file can be written at {path}")
    return Report(path)


def _ended(report: pytest.TestReport) -> tuple[str, str]:
    if report.failed:
        return "failed", (report.longreprtext or "").strip()
    if report.skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longreprtext
        words = str(reason).removeprefix("Skipped: ")
        kind = "switched_off" if words.startswith("switched off: ") else "does_not_apply"
        return kind, words.partition(": ")[2]
    return "passed", ""


def _plugin(component: str, checks: list[dict[str, Any]]) -> dict[str, Any]:
    found = next(iter(entry_points(group="signalpy.components", name=component)), None)
    distribution = found.dist.name if found is not None and found.dist is not None else None
    broken = any(check["outcome"] == "failed" for check in checks)
    return {
        "component": component,
        "distribution": distribution,
        "version": _version(distribution),
        "verdict": "broken" if broken else "holds",
        "checks": checks,
    }


def _version(distribution: str | None) -> str | None:
    try:
        return version(distribution) if distribution is not None else None
    except PackageNotFoundError:
        return None
