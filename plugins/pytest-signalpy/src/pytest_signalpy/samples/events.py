"""The typed events of a plugin, and how what was stored of them is read today."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from pytest_signalpy.contract.subject import Subject, fails
from pytest_signalpy.samples.folder import Sample
from signalpy import Event, refusal, schemas
from signalpy.plain import plain_of
from signalpy.schemas import Reading, Schemas

GROUP: Final = "signalpy.events"
ALONE: Final = Path(__file__).with_name("alone.py")


@dataclass(frozen=True, slots=True)
class TypedEvents:
    """What a plugin publishes as instances.

    :param current: by event type, the class of its latest version.
    :param named: by event type, what the entry points of the group lead to.
    :param schemas: the versions and upcasters that are known.
    """

    current: Mapping[str, type[Event]]
    named: Mapping[str, Any]
    schemas: Schemas

    def read(self, sample: Sample) -> Reading:
        """The sample in the form of today, as every reader of a trail gets it."""
        return self.schemas.read(sample.schema, sample.data)

    def problems(self, sample: Sample) -> list[str]:
        """What keeps the sample from being an instance of today's class."""
        model = self.current.get(sample.event_type)
        if model is None:
            return [f"no typed event {sample.event_type!r} is known; an event that was renamed keeps its type"]
        if sample.version > model.event_version:
            return [f"{model.__name__} is version {model.event_version}, and the sample is of a later one"]
        reading = self.read(sample)
        if reading.problem is not None:
            return [reading.problem]
        try:
            text = json.dumps(reading.data)
        except (TypeError, ValueError) as error:
            return [f"JSON cannot hold what its upcasters make of it: {error}"]
        try:
            model.model_validate_json(text)
        except ValidationError as error:
            return [f"it does not fit {model.__name__}: {refusal.told(refusal.problems(error))}"]
        return _left_over(model, reading.data)


def typed_events_of(subject: Subject) -> TypedEvents:
    """Imports the component and what the distribution names, and finds the events of its package.

    :raises pytest.fail.Exception: if one of them cannot be imported.
    """
    subject.spec  # noqa: B018 - imports it
    named = {}
    for entry in subject.metadata.entry_points.select(group=GROUP):
        try:
            named[entry.name] = entry.load()
        except Exception as error:  # noqa: BLE001 - whatever a module raises is what is looked for
            fails(f"{GROUP}: {entry.name} = {entry.value} cannot be loaded: {type(error).__name__}: {error}")
    current = {
        event_type: model
        for event_type, _, model in schemas.KNOWN.models()  # the latest version of a type comes last
        if model.__module__.partition(".")[0] == subject.package and issubclass(model, Event)
    }
    return TypedEvents(current, named, schemas.KNOWN)


def read_alone(subject: Subject, samples: Sequence[Sample]) -> list[dict[str, Any]]:
    """How each sample is read where nothing of the plugin is imported but what the group names; see ``alone.py``.

    :raises pytest.fail.Exception: if that process fails.
    """
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-P", str(ALONE), subject.candidate.distribution, GROUP, subject.package],
        input=json.dumps([[sample.schema, sample.data] for sample in samples]),
        capture_output=True, text=True, env=environment, timeout=120, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no word"])[-1]
        fails(f"what {GROUP} names cannot be read in a process of its own: {last}")
    told: list[dict[str, Any]] = json.loads(done.stdout.rstrip("\n").rpartition("\n")[2])
    return told


def as_stored(event: Event) -> dict[str, Any]:
    """The payload in the values that JSON has, as a trail stores it."""
    stored: dict[str, Any] = plain_of(event.payload())
    return stored


def _left_over(model: type[Event], data: Mapping[str, Any]) -> list[str]:
    """Fields that the class ignores: they were renamed or removed, and nobody reads them any more."""
    if model.model_config.get("extra") == "allow":
        return []
    known = {*model.model_fields, *model.model_computed_fields, *model.model_json_schema().get("properties", {})}
    return [f"{model.__name__} has no field {name!r}: what it holds is lost" for name in data if name not in known]
