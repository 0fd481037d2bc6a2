"""The plugin under examination: its metadata, its files, its component."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from email.message import Message
from importlib.metadata import Distribution, distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn, cast

import pytest

from signalpy import SignalPyError, State
from signalpy.configuration import PluginSettings
from signalpy.definition import ComponentSpec, spec_of
from signalpy.discovery import Candidate, scan


@dataclass(frozen=True, slots=True, repr=False)
class Subject:
    """An installed plugin.

    :param candidate: its entry point.
    :param metadata: its distribution.
    :param package: the top-level module that the entry point names.
    :param folder: where that package is; the file of a single module.
    """

    candidate: Candidate
    metadata: Distribution
    package: str
    folder: Path

    def __repr__(self) -> str:
        return f"<Subject({self.name} of {self.candidate.distribution} {self.candidate.version})>"

    @property
    def name(self) -> str:
        """The component's name."""
        return self.candidate.name

    @property
    def fields(self) -> Message:
        """The fields of its METADATA."""
        return cast("Message", self.metadata.metadata)

    @property
    def spec(self) -> ComponentSpec:
        """What the component's class declares; imports it.

        :raises pytest.fail.Exception: if it cannot be imported.
        """
        try:
            return spec_of(self.candidate.load())
        except SignalPyError as error:
            fails(f"the component {self.name!r} cannot be loaded: {error}")

    def sources(self) -> Iterable[Path]:
        """Its Python files."""
        return [self.folder] if self.folder.is_file() else sorted(self.folder.rglob("*.py"))


def subject_of(component: str) -> Subject:
    """Finds the installed plugin that has a component.

    :raises pytest.fail.Exception: in one line, if none has it, or its package is not there.
    """
    candidates = [item for item in scan(PluginSettings()).candidates if item.name == component]
    if not candidates:
        fails(f"no installed distribution has the component {component!r}. Run: python -m pip install -e .")
    if len(candidates) > 1:
        owners = " and ".join(item.distribution for item in candidates)
        fails(f"{owners} have a component {component!r}; expected one. Uninstall the others.")
    [candidate] = candidates
    if candidate.state is not State.DISCOVERED:
        fails(f"the component {component!r} of {candidate.distribution} is {candidate.state}: {candidate.reason}")
    package = candidate.value.partition(":")[0].partition(".")[0]
    found = find_spec(package)
    if found is None or found.origin is None:
        fails(f"the entry point {component} = {candidate.value} names the package {package!r}, which is not there")
    origin = Path(found.origin)
    folder = origin.parent if found.submodule_search_locations else origin
    return Subject(candidate, distribution(candidate.distribution), package, folder)


def fails(problem: str) -> NoReturn:
    """Ends a check: the plugin does not keep it."""
    pytest.fail(problem, pytrace=False)


def fails_if(problems: Iterable[str]) -> None:
    """Ends a check with all that is wrong, a line for each; passes if nothing is."""
    told = list(problems)
    if told:
        fails("\n".join(told))


def does_not_apply(reason: str) -> NoReturn:
    """Ends a check that has no object in this plugin."""
    pytest.skip(f"does not apply: {reason}")


def samples_of(spec: ComponentSpec, given: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Target and parameters of each sample call: those that were given, and ``{}`` where nothing is required.

    :raises pytest.fail.Exception: for a runnable that needs parameters and has no sample, and for a stray sample.
    """
    names = [item.name for item in spec.runnables]
    stray = sorted(set(given) - set(names))
    if stray:
        fails(f"params has {stray[0]!r}, and there is no such runnable; there are: {', '.join(names) or 'none'}")
    samples: list[tuple[str, Any]] = []
    for item in spec.runnables:
        target = f"{spec.name}.{item.name}"
        if item.name in given:
            several = given[item.name] if isinstance(given[item.name], list | tuple) else [given[item.name]]
            samples += [(target, sample) for sample in several]
        elif required(item.params):
            needs = ", ".join(required(item.params))
            fails(f'{target} needs {needs}: give a sample that succeeds, params = {{"{item.name}": {{…}}}}')
        else:
            samples.append((target, {}))
    return samples


def required(model: Any) -> list[str]:
    """The fields of a model, or of a dataclass, that have no default."""
    return [name for name, needed, _ in fields_of(model) if needed]


def fields_of(model: Any) -> list[tuple[str, bool, str]]:
    """Name, whether it is required, and description of each field; ``:param name:`` in a docstring counts as one."""
    bases = model.__mro__ if isinstance(model, type) else ()  # who declares a field describes it
    told = "\n".join(base.__doc__ or "" for base in bases)
    if hasattr(model, "model_fields"):
        return [
            (name, field.is_required(), field.description or ("in docstring" if f":param {name}:" in told else ""))
            for name, field in model.model_fields.items()
        ]
    if is_dataclass(model):
        return [
            (
                field.name,
                field.default is MISSING and field.default_factory is MISSING,
                "in docstring" if f":param {field.name}:" in told else "",
            )
            for field in fields(model)
        ]
    return []
