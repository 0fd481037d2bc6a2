"""What is asked of events and their samples."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from pytest_signalpy.clock import FrozenTime
from pytest_signalpy.contract.subject import Subject, does_not_apply, fails_if
from pytest_signalpy.samples.events import GROUP, TypedEvents, as_stored, read_alone
from pytest_signalpy.samples.folder import Sample
from pytest_signalpy.samples.kept import Kept
from signalpy import Event
from signalpy.schemas import stamp

MOMENTS: Final = ("2001-02-03T04:05:06Z", "2040-05-06T07:08:09Z")


class SampleChecks:
    """Checks of the typed events, by the samples that are kept of them."""

    def test_events_are_named(self, subject: Subject, events: TypedEvents) -> None:
        """Each typed event is named in `signalpy.events`, where readers that run no kernel look for it."""
        _needs_events(events)
        fails_if(
            f'{event_type} is not named: write [project.entry-points."{GROUP}"] "{event_type}" = '
            f'"{model.__module__}:{model.__qualname__}", and install the plugin again'
            for event_type, model in events.current.items()
            if events.named.get(event_type) is not model
        )

    def test_samples_are_kept(self, events: TypedEvents, kept: Kept) -> None:
        """There is a sample of each version of each typed event, and the JSON Schema of the latest."""
        _needs_events(events)
        fails_if(kept.missing())

    def test_samples_are_read(self, events: TypedEvents, samples: Sequence[Sample]) -> None:
        """Each sample, brought to the latest version, fits the class of today, and none of its fields is lost."""
        _needs_samples(samples)
        fails_if(f"{sample.path}: {problem}" for sample in samples for problem in events.problems(sample))

    def test_examples_read_back(self, events: TypedEvents, kept: Kept) -> None:
        """What is stored of each example reads back as the same event."""
        if not kept.examples:
            does_not_apply("no examples are given")
        fails_if(problem for example in kept.examples.values() for problem in _read_back(events, example))

    def test_versions_have_upcasters(self, events: TypedEvents) -> None:
        """From each version since the first an upcaster leads to the next, and none leads beyond the latest."""
        if all(model.event_version == 1 and not events.schemas.upcasts(name) for name, model in events.current.items()):
            does_not_apply("no typed event has a second version")
        fails_if(line for name, model in events.current.items() for line in _holes(events, name, model))

    def test_upcasters_are_pure(self, events: TypedEvents, samples: Sequence[Sample]) -> None:
        """An upcaster makes the same of the same payload, whenever it runs, and shares no object between two."""
        older = _older(events, samples)
        fails_if(f"{sample.path}: {problem}" for sample in older for problem in _impurities(events, sample))

    def test_samples_are_read_alone(self, subject: Subject, events: TypedEvents, samples: Sequence[Sample]) -> None:
        """Where nothing is imported but what `signalpy.events` names, samples are read as well, without any I/O."""
        older = _older(events, samples)
        found = zip(older, read_alone(subject, older), strict=True)
        fails_if(f"{sample.path}: {problem}" for sample, told in found for problem in _alone(told))

    def test_changes_have_versions(self, events: TypedEvents, kept: Kept) -> None:
        """No field was removed, renamed, given another type or required since the sample of this version was kept."""
        _needs_events(events)
        fails_if(kept.changed())


def _needs_events(events: TypedEvents) -> None:
    if not events.current:
        does_not_apply("it has no typed event")


def _needs_samples(samples: Sequence[Sample]) -> None:
    if not samples:
        does_not_apply("no samples are kept")


def _older(events: TypedEvents, samples: Sequence[Sample]) -> list[Sample]:
    older = [sample for sample in samples if events.read(sample).flag == "upcast"]
    if not older:
        does_not_apply("no sample is of an older version")
    return older


def _alone(told: Mapping[str, Any]) -> Iterator[str]:
    if told["flag"] != "upcast":
        fix = "import its upcasters where the event is defined"
        yield f"where only what {GROUP} names is imported, it is left as it was stored: {fix}"
    for what in dict.fromkeys(told["does"]):
        yield f"while it is read: {what}; an upcaster does no I/O"


def _holes(events: TypedEvents, event_type: str, model: type[Event]) -> Iterator[str]:
    steps = events.schemas.upcasts(event_type)
    for version in range(1, model.event_version):
        if version not in steps:
            fix = f'write @upcast("{event_type}", from_version={version})'
            yield f"no upcaster takes {stamp(event_type, version)} to the next version: {fix}"
    for version in steps:
        if version >= model.event_version:
            yield (
                f"an upcaster takes {stamp(event_type, version)} to version {version + 1}, "
                f"and {model.__name__} is version {model.event_version}"
            )


def _read_back(events: TypedEvents, example: Event) -> Iterator[str]:
    model, data = type(example), as_stored(example)
    stored = Sample(model.event_type, model.event_version, data, f"examples: {model.__name__}")
    problems = events.problems(stored)
    yield from (f"{stored.path}: {problem}" for problem in problems)
    if problems:
        return
    again = model.model_validate_json(json.dumps(data))
    for name in model.model_fields:
        if getattr(again, name) != getattr(example, name):
            hint = "of bytes base64 is stored, which ConfigDict(val_json_bytes='base64') reads"
            yield f"{stored.path}.{name} does not read back as it was; {hint}"


def _impurities(events: TypedEvents, sample: Sample) -> Iterator[str]:
    results = []
    for moment in MOMENTS:
        with FrozenTime(moment):
            made = events.read(sample).data
        results.append(copy.deepcopy(made))
        _spoil(made)
    results.append(events.read(sample).data)
    differ = sorted({name for result in results[1:] for name in _differing(results[0], result)})
    if differ:
        yield f"read more than once it gives another {', '.join(differ)}; an upcaster uses nothing but the payload"


def _differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[str]:
    missing = object()
    for name in {*one, *other}:
        if one.get(name, missing) != other.get(name, missing):
            yield name


def _spoil(value: Any) -> None:
    """Changes a payload in all its depth, so that an object that is shared with the next one shows."""
    if isinstance(value, dict):
        for member in value.values():
            _spoil(member)
        value["spoilt"] = True
    elif isinstance(value, list):
        for member in value:
            _spoil(member)
        value.append("spoilt")
