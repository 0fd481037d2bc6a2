"""A candidate: a component that some distribution says it has, and the step from there to the class."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, Final

from signalpy.definition import spec_of
from signalpy.definition.decorators import COMPONENT_NAME, RESERVED
from signalpy.errors import DefinitionError, SignalPyError
from signalpy.matching import did_you_mean
from signalpy.states import PluginInfo, State

REFERENCE: Final = re.compile(r"(?P<module>\w+(?:\.\w+)*)\s*:\s*(?P<attr>\w+(?:\.\w+)*)\s*(?:\[.*\])?")
"""An object reference: ``module:attribute``, as the entry-point specification of PyPA has it."""


class LoadError(SignalPyError, ImportError):
    """A candidate's code does not give its component. ``component`` and ``distribution`` tell whose."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One entry of ``signalpy.components``.

    :param name: name of the entry, which is the component's.
    :param distribution: canonical name of the distribution that has it.
    :param value: where the class is: ``module:attribute``.
    :param state: ``discovered`` if it may be loaded, else what stands against it.
    :param reason: that in words; empty if it may be loaded.
    :param essential: without it nothing starts.
    """

    name: str
    distribution: str
    version: str
    value: str
    state: State = State.DISCOVERED
    reason: str = ""
    essential: bool = False

    @property
    def info(self) -> PluginInfo:
        """The candidate as a row of ``kernel.plugins()``."""
        return PluginInfo(self.name, self.distribution, self.version, self.state, self.reason)

    def marked(self, state: State, reason: str) -> Candidate:
        """The same candidate in another state."""
        return replace(self, state=state, reason=reason)

    def load(self) -> type:
        """Imports the component's class.

        :raises LoadError: if the import fails, the attribute is missing, or it is not the component of this name.
        """
        reference = REFERENCE.fullmatch(self.value)
        if reference is None:
            raise self._error(malformed(self.name, self.value))
        found = self._attribute(self._module(reference["module"]), reference["attr"])
        try:
            spec = spec_of(found)
        except DefinitionError as error:
            raise self._error(f"{self.value} gives no component: {error}") from error
        if spec.name != self.name:
            fix = "Give both the same name"
            raise self._error(
                f"{self.value} is the component {spec.name!r}, but its entry point says {self.name!r}. {fix}."
            )
        return spec.cls

    def _module(self, name: str) -> Any:
        try:
            return import_module(name)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise self._error(f"importing {name} failed: {_told(error)}") from error

    def _attribute(self, module: Any, path: str) -> Any:
        found = module
        for part in path.split("."):
            try:
                found = getattr(found, part)
            except AttributeError as error:
                hint = did_you_mean(part, vars(found)) if hasattr(found, "__dict__") else ""
                raise self._error(f"{module.__name__} has no {path!r}, which its entry point names.{hint}") from error
        return found

    def _error(self, problem: str) -> LoadError:
        return LoadError(problem, component=self.name, distribution=self.distribution)


def malformed(name: str, value: str) -> str:
    """What is wrong with an entry as it is written, before anything is imported; empty if nothing is."""
    if not COMPONENT_NAME.fullmatch(name):
        return f'{name!r} cannot name a component. Use lower-case letters, digits and "-"'
    if name in RESERVED:
        return f"the name {name!r} is taken by the kernel"
    if not REFERENCE.fullmatch(value):
        return f'its entry point says {value!r}, expected "module:Class"'
    return ""


def _told(error: BaseException) -> str:
    """One line for an exception that came out of foreign code."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
