"""A candidate: a component that some distribution says it has, and the step from there to the class."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from signalpy.discovery.entry import REFERENCE, Entry
from signalpy.errors import DefinitionError, told
from signalpy.naming import COMPONENT_NAME, RESERVED
from signalpy.states import PluginInfo, State

COMPONENTS: Final = "signalpy.components"


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
        from signalpy.definition import spec_of

        entry = Entry(COMPONENTS, self.name, self.value, self.distribution)
        found = entry.load()
        try:
            spec = spec_of(found)
        except DefinitionError as error:
            raise entry.error(f"{self.value} gives no component: {error}") from error
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise entry.error(f"{self.value} gives no component: {told(error)}") from error
        if spec.name != self.name:
            fix = "Give both the same name"
            raise entry.error(
                f"{self.value} is the component {spec.name!r}, but its entry point says {self.name!r}. {fix}."
            )
        return spec.cls


def malformed(name: str, value: str) -> str:
    """What is wrong with an entry as it is written, before anything is imported; empty if nothing is."""
    if not COMPONENT_NAME.fullmatch(name):
        return f'{name!r} cannot name a component. Use lower-case letters, digits and "-"'
    if name in RESERVED:
        return f"the name {name!r} is taken by the kernel"
    if not REFERENCE.fullmatch(value):
        return f'its entry point says {value!r}, expected "module:Class"'
    return ""
