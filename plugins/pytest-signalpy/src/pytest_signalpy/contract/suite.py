"""The suite: all checks as one class that a plugin's tests inherit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import pytest

from pytest_signalpy.contract.base import Contract
from pytest_signalpy.contract.boundaries import BoundaryChecks
from pytest_signalpy.contract.calls import CallChecks
from pytest_signalpy.contract.declaration import DeclarationChecks
from pytest_signalpy.contract.importing import ImportChecks
from pytest_signalpy.contract.lifecycle import LifecycleChecks
from pytest_signalpy.contract.metadata import MetadataChecks
from pytest_signalpy.contract.source import SourceChecks
from pytest_signalpy.contract.stage import Stage
from pytest_signalpy.contract.subject import Subject


class PluginContract(
    Contract, MetadataChecks, SourceChecks, ImportChecks, DeclarationChecks, LifecycleChecks, CallChecks, BoundaryChecks
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

    config: ClassVar[Mapping[str, Any]] = {}
    params: ClassVar[Mapping[str, Any]] = {}
    beside: ClassVar[Sequence[type | str]] = ()
    stubs: ClassVar[Mapping[str, Any]] = {}

    @pytest.fixture
    def stage(self, subject: Subject) -> Stage:
        """Kernels that have the component and what it needs."""
        return Stage(subject, self.beside, self.config, self.params, self.stubs)
