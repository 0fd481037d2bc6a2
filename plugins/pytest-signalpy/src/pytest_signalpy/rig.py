"""A test's kernel, made of what its marks name and of nothing else, and what watches it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pytest_signalpy.journal import Journal
from pytest_signalpy.leaks import Owners, Watch
from pytest_signalpy.mark import Wanted, refuse
from pytest_signalpy.stub import stub_components
from signalpy import Kernel, SignalPyError, State
from signalpy.configuration import Configuration, load
from signalpy.definition import spec_of
from signalpy.discovery import scan


class Rig:
    """The kernel of one test. Neither the environment nor what is installed beside it has a say in it.

    :param apart: the test's own file or folder; see ``Owners``.
    :raises SignalPyError: if what is wanted is no configuration, or no component.
    :raises pytest.fail.Exception: if a stub has the name of a component that is there.
    """

    def __init__(self, wanted: Wanted, *, apart: Path | None = None) -> None:
        configuration = load(wanted.config, environ={})
        classes = [item for item in wanted.components if isinstance(item, type)]
        installed = [item for item in wanted.components if isinstance(item, str)]
        known = [*classes, *_loaded(installed, configuration)]
        stubs = stub_components(wanted.stubs, known)
        self.names = [*installed, *(spec_of(cls).name for cls in classes)]
        for stub in stubs:
            if spec_of(stub).name in self.names:
                name = spec_of(stub).name
                refuse(f"the component {name!r} is among the components already; stub what is not there")
        self.names += [spec_of(stub).name for stub in stubs]
        self.journal = Journal()
        self.kernel = Kernel(configuration)
        self.kernel.hooks.register(self.journal, "pytest-signalpy")
        self.kernel.discover([*wanted.components, *stubs])
        self._watch = Watch(Owners([*known, *stubs], apart))

    async def start(self) -> None:
        """Boots.

        :raises pytest.fail.Exception: if a component that was named does not start, with its ``why``.
        """
        self._watch.on()
        try:
            await self.kernel.boot()
        except BaseException:
            self._watch.off()
            raise
        active = {info.name for info in self.kernel.plugins() if info.state is State.ACTIVE}
        down = [name for name in self.names if name not in active]
        if down:
            told = "; ".join(f"{name}: {self.kernel.why(name)}" for name in down)
            await self.kernel.shutdown()
            self._watch.off()
            pytest.fail(told, pytrace=False)

    async def stop(self) -> None:
        """Shuts down.

        :raises pytest.fail.Exception: if a component left something behind, naming it.
        """
        try:
            await self.kernel.shutdown()
            left = await self._watch.left(self.kernel)
        finally:
            self._watch.off()
        if left:
            pytest.fail("left behind by a component:\n" + "\n".join(f"  {line}" for line in left), pytrace=False)


def with_trail(wanted: Wanted, folder: Path) -> Wanted:
    """The same with the audit trail, in this folder unless the configuration says where."""
    from pytest_signalpy.trail import COMPONENT

    table = wanted.config.get(COMPONENT, {})
    own: Mapping[str, Any] = table if isinstance(table, Mapping) else {}
    config = {**wanted.config, COMPONENT: {"store": f"file://{folder}", **own}}
    return Wanted((COMPONENT, *wanted.components), config, wanted.stubs, wanted.time)


def _loaded(names: list[str], configuration: Configuration) -> list[type]:
    """The classes of installed components, as far as they can be loaded; of the others the kernel tells why."""
    found = scan(configuration.plugins) if names else None
    classes = []
    for name in names:
        candidate = found.candidate(name) if found is not None else None
        if candidate is not None and candidate.state is State.DISCOVERED:
            try:
                classes.append(candidate.load())
            except SignalPyError:
                continue
    return classes
