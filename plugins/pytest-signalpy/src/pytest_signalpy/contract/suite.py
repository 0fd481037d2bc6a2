"""The suite: all checks as one class that a plugin's tests inherit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from pytest_signalpy import report
from pytest_signalpy.contract.boundaries import BoundaryChecks
from pytest_signalpy.contract.calls import CallChecks
from pytest_signalpy.contract.declaration import DeclarationChecks
from pytest_signalpy.contract.importing import ImportChecks
from pytest_signalpy.contract.lifecycle import LifecycleChecks
from pytest_signalpy.contract.metadata import MetadataChecks
from pytest_signalpy.contract.source import SourceChecks
from pytest_signalpy.contract.stage import Stage
from pytest_signalpy.contract.subject import Subject, fails, subject_of


class PluginContract(
    MetadataChecks, SourceChecks, ImportChecks, DeclarationChecks, LifecycleChecks, CallChecks, BoundaryChecks
):
    """What every plugin keeps. Subclass it in a test module, under a name that begins with ``Test``.

    ::

        class TestContract(PluginContract):
            component = "loyalty"
            params = {"points": {"account": "alice"}}

    The plugin has to be installed (``pip install -e .`` will do). Each check runs in an empty folder, on kernels that
    have this component and what is named here, and nothing else of the machine.

    :cvar component: its name, which is that of the entry point.
    :cvar config: the configuration that it needs, as for ``Kernel``.
    :cvar params: by runnable, the parameters of a call that succeeds, or a list of several. A runnable that needs none
        is called without.
    :cvar beside: the components that it needs: classes, or names of installed ones.
    :cvar stubs: what answers for components that are not there, by target, as in ``@pytest.mark.signalpy``.
    :cvar without: checks that are switched off, by name (``"licence"``), each with the reason why.
    """

    component: ClassVar[str] = ""
    config: ClassVar[Mapping[str, Any]] = {}
    params: ClassVar[Mapping[str, Any]] = {}
    beside: ClassVar[Sequence[type | str]] = ()
    stubs: ClassVar[Mapping[str, Any]] = {}
    without: ClassVar[Mapping[str, str]] = {}

    def __init_subclass__(cls, **keywords: Any) -> None:
        """:raises TypeError: for a check in ``without`` that is unknown or has no reason, and for an overridden one."""
        super().__init_subclass__(**keywords)
        known = PluginContract.checks()
        for name, reason in cls.without.items():
            if name not in known:
                there_are = f"there is no check {name!r}; there are: {', '.join(known)}"
                raise TypeError(f"{cls.__qualname__}.without: {there_are}")
            if not isinstance(reason, str) or not reason.strip():
                raise TypeError(f"{cls.__qualname__}.without: say why the check {name!r} is switched off")
        for name in known:
            if f"test_{name}" in vars(cls):
                fix = f'Switch it off instead: without = {{"{name}": "the reason"}}'
                raise TypeError(f"{cls.__qualname__}.test_{name}: a check of the contract is not overridden. {fix}")

    @classmethod
    def checks(cls) -> dict[str, str]:
        """Every check by name, with what it says in a sentence, in the order in which they run."""
        areas = PluginContract.__bases__
        return {
            name.removeprefix("test_"): (function.__doc__ or "").partition("\n")[0]
            for area in areas
            for name, function in vars(area).items()
            if name.startswith("test_")
        }

    @pytest.fixture
    def subject(self) -> Subject:
        """The installed plugin."""
        if not self.component:
            fails(f'{type(self).__qualname__} names no component: component = "loyalty"')
        return subject_of(self.component)

    @pytest.fixture
    def stage(self, subject: Subject) -> Stage:
        """Kernels that have the component and what it needs."""
        return Stage(subject, self.beside, self.config, self.params, self.stubs)

    @pytest.fixture(autouse=True)
    def _one_check(self, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Notes the check for the report, skips it if it is switched off, and runs it in an empty folder."""
        name = request.node.originalname.removeprefix("test_")
        if name in PluginContract.checks():
            report.note(request.node, component=self.component, check=name, says=PluginContract.checks()[name])
        if name in self.without:
            pytest.skip(f"switched off: {self.without[name]}")
        monkeypatch.chdir(tmp_path)
