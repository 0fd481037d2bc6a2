"""What pytest loads: the mark and the fixtures. Everything else is imported when a test asks for one of them."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from pytest_signalpy import mark

if TYPE_CHECKING:
    from pytest_signalpy.clock import FrozenTime
    from pytest_signalpy.journal import Invocations, Published
    from pytest_signalpy.rig import Rig
    from pytest_signalpy.trail import AuditTrailView
    from signalpy import Kernel

WRITTEN: Final = pytest.StashKey[list[str]]()
"""The samples that this session has written, as shown."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the options of the contracts."""
    group = parser.getgroup("signalpy")
    group.addoption(
        "--signalpy-report", metavar="FILE", help="write how the checks of the contracts ended to FILE, as JSON"
    )
    group.addoption(
        "--signalpy-write-samples",
        action="store_true",
        help="write the samples that SampleContract misses, from its examples; none that is there is changed",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Makes the mark known, and the fixtures for those loops that some plugin offers here."""
    config.addinivalue_line("markers", mark.LINE)
    path = config.getoption("--signalpy-report")
    if path and not hasattr(config, "workerinput"):  # what workers of pytest-xdist see is reported to the one session
        from pytest_signalpy.report import report_to

        config.pluginmanager.register(report_to(path), "signalpy-report")
    from pytest_signalpy import driving

    if config.pluginmanager.hasplugin("asyncio"):
        config.pluginmanager.register(driving.asyncio_fixtures(), "signalpy-asyncio")
    if config.pluginmanager.hasplugin("anyio"):
        config.pluginmanager.register(driving.anyio_fixtures(), "signalpy-anyio")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Tells which samples were written."""
    for path in config.stash.get(WRITTEN, []):
        terminalreporter.write_line(f"signalpy: {path} is written; commit it")


@pytest.fixture
def kernel(request: pytest.FixtureRequest, _signalpy_rig: Rig) -> Kernel:
    """A booted kernel with the components that ``@pytest.mark.signalpy(components=[…])`` names, and no other.

    It runs on the loop of the test; for a test that is no coroutine, on one in a thread of its own. When the test is
    over it is shut down, and what a component left behind fails the test.
    """
    from pytest_signalpy.driving import driver_of

    request.getfixturevalue(driver_of(request))
    return _signalpy_rig.kernel


@pytest.fixture
def published(kernel: Kernel, _signalpy_rig: Rig) -> Published:  # noqa: ARG001 - it has to have booted
    """The events of the test's kernel, since it began to boot, as their subscribers got them."""
    return _signalpy_rig.journal.published


@pytest.fixture
def invocations(kernel: Kernel, _signalpy_rig: Rig) -> Invocations:  # noqa: ARG001 - likewise
    """The calls over the bus of the test's kernel, also those that were refused or failed."""
    return _signalpy_rig.journal.invocations


@pytest.fixture
def frozen_time(request: pytest.FixtureRequest) -> Iterator[FrozenTime]:
    """A clock that stands still from before the kernel boots; ``2026-01-01T12:00:00Z``, or the mark's ``time``."""
    from pytest_signalpy import clock

    moment = mark.wanted_by(request.node).time
    try:
        frozen = clock.FrozenTime(moment if moment is not None else clock.START)
    except (TypeError, ValueError, AttributeError):
        mark.refuse(f"time must be a datetime or RFC 3339 text, found {moment!r}")
    with frozen:
        yield frozen


@pytest.fixture
def audit_trail(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AuditTrailView]:
    """The audit trail as a further component of the test's kernel, and a view of its records."""
    if find_spec("signalpy_audit_trail") is None:
        pytest.fail("audit_trail: signalpy-audit-trail is not installed. Run: pip install signalpy-audit-trail")
    if "audit_trail" not in request.fixturenames:
        pytest.fail("audit_trail: name it among the arguments of the test, so that the kernel boots with it.")
    from pytest_signalpy.trail import AuditTrailView

    view = AuditTrailView(tmp_path / "audit-trail")
    request.getfixturevalue("kernel")
    yield view
    view.close()


@pytest.fixture
def _signalpy_rig(request: pytest.FixtureRequest) -> Rig:
    """The kernel before it boots."""
    if "frozen_time" in request.fixturenames:
        request.getfixturevalue("frozen_time")
    from pytest_signalpy.rig import Rig, with_trail
    from signalpy import SignalPyError

    wanted = mark.wanted_by(request.node)
    if "audit_trail" in request.fixturenames:
        wanted = with_trail(wanted, request.getfixturevalue("tmp_path") / "audit-trail")
    try:
        return Rig(wanted, apart=Path(request.node.path))
    except SignalPyError as error:
        mark.refuse(str(error))


@pytest.fixture
def _signalpy_thread(_signalpy_rig: Rig) -> Iterator[None]:
    """Runs the kernel of a test that is no coroutine."""
    from pytest_signalpy.threaded import in_thread

    with in_thread(_signalpy_rig):
        yield
