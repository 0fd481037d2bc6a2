"""The suite: the checks of the samples as one class that a plugin's tests inherit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from pytest_signalpy.contract.base import Contract
from pytest_signalpy.contract.subject import Subject, fails
from pytest_signalpy.plugin import WRITTEN
from pytest_signalpy.samples.checks import SampleChecks
from pytest_signalpy.samples.events import TypedEvents, typed_events_of
from pytest_signalpy.samples.folder import Sample, SampleError, SampleFolder
from pytest_signalpy.samples.kept import Kept
from signalpy import Event


class SampleContract(Contract, SampleChecks):
    """What every plugin with typed events keeps. Subclass it in a test module, under a name that begins with ``Test``.

    ::

        class TestSamples(SampleContract):
            component = "loyalty"
            examples = [PointsEarned(account="alice", points=3)]

    What was published once is stored, and has to be read for as long as a trail is kept. So a payload of each version
    of each event type stays in the repository, beside the tests; ``pytest --signalpy-write-samples`` writes those of
    the latest versions. The plugin has to be installed (``pip install -e .`` will do).

    :cvar component: its name, which is that of the entry point.
    :cvar examples: an instance of each typed event in its latest version.
    :cvar folder: where the samples are, as seen from the test module.
    :cvar without: checks that are switched off, by name (``"events_are_named"``), each with the reason why.
    """

    examples: ClassVar[Sequence[Event]] = ()
    folder: ClassVar[str] = "samples"

    @pytest.fixture
    def events(self, subject: Subject) -> TypedEvents:
        """The typed events of the plugin, in their latest versions."""
        events = typed_events_of(subject)
        for example in self.examples:
            if type(example) not in events.current.values():
                told = f"{type(example).__name__} is no typed event of {subject.package} in its latest version"
                fails(f"examples: {told}; there are: {_names(events)}")
        return events

    @pytest.fixture
    def kept(self, request: pytest.FixtureRequest, events: TypedEvents) -> Kept:
        """The folder beside the events; what is missing in it is written, if that was asked for."""
        root = request.config.rootpath
        folder = SampleFolder(Path(request.path).parent / self.folder, root)
        by_type = {example.event_type: example for example in self.examples}
        command = f"pytest --signalpy-write-samples {folder.shown(Path(request.path))}"
        kept = Kept(events, folder, _samples(folder), by_type, command)
        if not request.config.getoption("--signalpy-write-samples"):
            return kept
        try:
            written = kept.write()
        except OSError as error:
            fails(f"{folder.shown(folder.path)}: no sample can be written: {error.strerror}")
        request.config.stash.setdefault(WRITTEN, []).extend(written)
        return Kept(events, folder, _samples(folder), by_type, command)

    @pytest.fixture
    def samples(self, kept: Kept) -> Sequence[Sample]:
        """All samples."""
        return kept.samples


def _samples(folder: SampleFolder) -> Sequence[Sample]:
    try:
        return folder.samples()
    except SampleError as error:
        fails(str(error))


def _names(events: TypedEvents) -> str:
    return ", ".join(model.__name__ for model in events.current.values()) or "none"
