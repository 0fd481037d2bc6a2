"""How a component answers: results, refusals, cancellation, and what it publishes meanwhile."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

from pytest_signalpy.contract.stage import Play, Stage
from pytest_signalpy.contract.subject import does_not_apply, fails, fails_if
from signalpy import InvalidParams
from signalpy.matching import matches_any
from signalpy.schemas import KNOWN, stamp

STRAY = "no-such-parameter"


class CallChecks:
    """Checks of the runnables, by the sample calls that the author gives."""

    def test_answers(self, stage: Stage) -> None:
        """Each sample call succeeds, with a result that JSON can hold."""
        _needs_runnables(stage)
        for target, result in stage.run(Play.call_all):
            if isinstance(result, dict) and "error" in result:
                fails(f"{target}: the sample fails: {result['error']}. Give one that succeeds in params.")
            try:
                json.dumps(result, allow_nan=False)
            except (TypeError, ValueError) as error:
                fails(f"{target}: JSON cannot hold its result: {error}")

    def test_answers_side_by_side(self, stage: Stage) -> None:
        """Calls that run at the same time all come to an end."""
        _needs_runnables(stage)

        async def crowd(play: Play) -> None:
            calls = [play.call(target, params) for target, params in stage.samples() for _ in range(5)]
            await asyncio.gather(*calls, return_exceptions=True)
            await play.is_well("calls side by side")

        stage.run(crowd)

    def test_refuses_unknown_parameters(self, stage: Stage) -> None:
        """A parameter that a runnable does not know is refused before anything runs."""
        _needs_runnables(stage)

        async def misspell(play: Play) -> None:
            for item in stage.subject.spec.runnables:
                if item.takes_params and item.params is None:
                    continue  # told by another check
                await _is_refused(play, f"{stage.subject.name}.{item.name}")

        stage.run(misspell)

    def test_survives_cancellation(self, stage: Stage) -> None:
        """A call whose caller is gone at its first await leaves component and kernel as well as before."""
        _needs_runnables(stage)

        async def cancel(play: Play) -> None:
            for target, params in stage.samples():
                for steps in range(3):
                    task = asyncio.create_task(play.call(target, params))
                    for _ in range(steps + 1):
                        await asyncio.sleep(0)
                    task.cancel()
                    await asyncio.wait([task])
                await play.attempt(target, params)  # what a cancelled call holds for ever, this one waits for
                await play.is_well(f"a cancelled call of {target}")

        stage.run(cancel)

    def test_publishes_what_it_declares(self, stage: Stage) -> None:
        """Each event that it publishes matches what `emits` declares."""

        async def listen(play: Play) -> list[str]:
            await play.call_all()
            return play.rig.journal.published.of("*", caller=stage.subject.name).names()

        emits = stage.subject.spec.emits
        fails_if(
            f"it publishes {event!r}, and declares emits={list(emits)}"
            for event in dict.fromkeys(stage.run(listen))
            if matches_any(event, emits) is None
        )

    def test_payloads_are_plain(self, stage: Stage) -> None:
        """The payload of each event that it publishes can be written as JSON."""

        async def listen(play: Play) -> list[tuple[str, Any]]:
            await play.call_all()
            published = play.rig.journal.published.of("*", caller=stage.subject.name)
            return [(event.type, event.data) for event in published]

        for event_type, data in stage.run(listen):
            try:
                json.dumps(data, allow_nan=False)
            except (TypeError, ValueError) as error:
                fails(f"{event_type}: JSON cannot hold its payload: {error}")

    def test_payloads_fit_their_schemas(self, stage: Stage) -> None:
        """The payload of each event that it publishes with the schema of a typed event fits that event's class."""

        async def listen(play: Play) -> list[tuple[str, Any]]:
            await play.call_all()
            published = play.rig.journal.published.of("*", caller=stage.subject.name)
            return [(event.schema, event.data) for event in published if event.schema is not None]

        published = stage.run(listen)
        models = {stamp(event_type, version): model for event_type, version, model in KNOWN.models()}
        stamped = [(schema, data) for schema, data in published if schema in models]
        if not stamped:
            does_not_apply("its sample calls publish no typed event")
        fails_if(dict.fromkeys(line for schema, data in stamped for line in _misfits(models[schema], data)))


def _misfits(model: Any, data: Any) -> Iterator[str]:
    try:
        model.of(data)
    except InvalidParams as error:
        yield str(error)


async def _is_refused(play: Play, target: str) -> None:
    try:
        await play.call(target, {STRAY: 1})
    except InvalidParams:
        return
    except Exception as error:  # noqa: BLE001 - whatever it is, it is not what was expected
        fails(f"{target} raises {type(error).__name__} for an unknown parameter, expected InvalidParams")
    fails(f"{target} answers, expected InvalidParams for an unknown parameter")


def _needs_runnables(stage: Stage) -> None:
    if not stage.subject.spec.runnables:
        does_not_apply("it has no runnable")
