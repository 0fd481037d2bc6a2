"""Whether the folder holds what it should, and writing what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pytest_signalpy.samples.changes import changes
from pytest_signalpy.samples.events import TypedEvents, as_stored
from pytest_signalpy.samples.folder import Sample, SampleFolder
from signalpy import Event
from signalpy.schemas import json_schema, stamp


@dataclass(frozen=True, slots=True)
class Kept:
    """The samples of a plugin beside its events.

    :param examples: an instance of each typed event, from which a missing sample is written.
    :param command: what writes it.
    """

    events: TypedEvents
    folder: SampleFolder
    samples: Sequence[Sample]
    examples: Mapping[str, Event]
    command: str

    def missing(self) -> Iterator[str]:
        """What is not there, each with what to do."""
        there = {(sample.event_type, sample.version) for sample in self.samples}
        for event_type, model in self.events.current.items():
            for version in range(1, model.event_version):
                if (event_type, version) not in there:
                    place = self.folder.shown(self.folder.place(event_type, version))
                    fix = f"write {place}, a payload as that version stored it"
                    yield f"{stamp(event_type, version)} has no sample: {fix}"
            latest = (event_type, model.event_version)
            if latest not in there or self.folder.schema(*latest) is None:
                what = "schema" if latest in there else "sample"
                yield f"{stamp(*latest)} has no {what}: {self._fix(model)}"

    def changed(self) -> Iterator[str]:
        """What has changed under the version that it had, each with what to do."""
        for event_type, model in self.events.current.items():
            version = model.event_version
            held, now = self.folder.schema(event_type, version), json_schema(model)
            if not isinstance(held, Mapping):
                continue  # told by another check
            changed = changes(held, now)
            if changed:
                place = self.folder.shown(self.folder.place(event_type, version))
                yield (
                    f"{stamp(event_type, version)} has changed: {'; '.join(changed)}. Make it version {version + 1} "
                    f'and write @upcast("{event_type}", from_version={version}). If version {version} was never '
                    f"released, remove {place.removesuffix('.json')}.* and run {self.command}"
                )
            elif changes(now, held):
                yield f"{stamp(event_type, version)} takes more than its schema says: {self._fix(model)}"

    def write(self) -> list[str]:
        """Writes what is missing of the latest versions, and schemas anew that only take more; the paths."""
        written: list[str] = []
        for event_type, model in self.events.current.items():
            latest = (event_type, model.event_version)
            held, now = self.folder.schema(*latest), json_schema(model)
            if event_type in self.examples:
                data = as_stored(self.examples[event_type])
                if not self.events.problems(Sample(*latest, data, path="")):
                    written += self.folder.keep(*latest, data, now)
            if isinstance(held, Mapping) and not changes(held, now) and changes(now, held):
                written.append(self.folder.renew(*latest, now))
        return written

    def _fix(self, model: type[Event]) -> str:
        if model.event_type in self.examples:
            return f"run {self.command}"
        return f"add {model.__name__}(…) to examples, then run {self.command}"
