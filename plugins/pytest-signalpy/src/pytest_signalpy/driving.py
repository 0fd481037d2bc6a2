"""On which event loop a test's kernel runs: always on the one that the test itself runs on."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import pytest

if TYPE_CHECKING:
    from pytest_signalpy.rig import Rig

Scope: TypeAlias = Literal["function", "class", "module", "package", "session"]
SCOPES: Final[tuple[Scope, ...]] = (
    "function",
    "class",
    "module",
    "package",
    "session",
)


def driver_of(request: pytest.FixtureRequest) -> str:
    """The fixture that runs the kernel for this test, by name.

    :raises pytest.fail.Exception: if nothing here can run an async test, or it does not run on asyncio.
    """
    if not _is_async(request.function):
        return "_signalpy_thread"
    mark = request.node.get_closest_marker("asyncio")
    if mark is not None:
        scope = mark.kwargs.get("loop_scope") or mark.kwargs.get("scope") or _default_scope(request.config)
        return f"_signalpy_asyncio_{scope}"
    if "anyio_backend" in request.fixturenames:
        backend = request.getfixturevalue("anyio_backend")
        name = backend if isinstance(backend, str) else backend[0]
        if name != "asyncio":
            problem = f"kernel: it runs on asyncio, and this test runs on {name}. Set anyio_backend to 'asyncio'."
            pytest.fail(problem, pytrace=False)
        return "_signalpy_anyio"
    pytest.fail("kernel: an async test needs pytest-asyncio or anyio, and their mark or mode 'auto'.", pytrace=False)


def asyncio_fixtures() -> object:
    """The fixtures for tests that pytest-asyncio runs, one for each scope of its loops."""
    import pytest_asyncio

    made = ModuleType("pytest_signalpy asyncio")  # pytest looks for fixtures in modules and classes
    for scope in SCOPES:
        name = f"_signalpy_asyncio_{scope}"
        setattr(made, name, pytest_asyncio.fixture(loop_scope=scope, name=name)(_alive()))
    return made


def anyio_fixtures() -> object:
    """The fixture for tests that the plugin of anyio runs."""
    made = ModuleType("pytest_signalpy anyio")
    made._signalpy_anyio = pytest.fixture(name="_signalpy_anyio")(_alive())  # type: ignore[attr-defined]
    return made


def _alive() -> Callable[..., AsyncIterator[None]]:
    """A fixture function of its own each time: what decorates one leaves its marks on it."""

    async def alive(_signalpy_rig: Rig) -> AsyncIterator[None]:
        await _signalpy_rig.start()
        yield
        await _signalpy_rig.stop()

    return alive


def _is_async(function: Any) -> bool:
    inner = function.hypothesis.inner_test if hasattr(function, "hypothesis") else function
    return inspect.iscoroutinefunction(inner)


def _default_scope(config: pytest.Config) -> str:
    return str(config.getini("asyncio_default_test_loop_scope") or "function")
