"""The other end of `benchmarks.peers`: a program that takes samples when it is asked. Standard library only."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any, TypeAlias

from benchmarks.awaits import Timed
from benchmarks.harness import Repeated
from benchmarks.rows import BESIDE

Samples: TypeAlias = Mapping[str, Callable[..., Mapping[str, float]]]
"""By name, what takes a sample; it is given the options of the question."""


def serve(distribution: str, samples: Samples) -> None:
    """Answer questions, one JSON object a line, until the input ends.

    A sample that is not offered, or fails, is answered with ``{"error": …}``.
    """
    logging.disable()
    gc.collect()
    gc.freeze()
    _tell({"version": version(distribution)})
    for line in sys.stdin:
        question = json.loads(line)
        name = question.pop("sample")
        gc.collect()
        try:
            _tell(dict(samples[name](**question)))
        except KeyError as error:
            _tell({"error": f"it has no {error}"})
        except Exception as error:  # noqa: BLE001 - one sample that fails is told where it was asked for
            _tell({"error": f"{type(error).__name__}: {error}"})


def per_await(peer: str, runner: asyncio.Runner, ours: Timed, limit: Timed) -> Callable[[], Mapping[str, float]]:
    """A sample of two coroutine functions that do something so many times and return the nanoseconds of one."""
    takers = {
        BESIDE + peer: Repeated(lambda times: runner.run(limit(times))),
        peer: Repeated(lambda times: runner.run(ours(times))),
    }
    return lambda: {name: take() for name, take in takers.items()}


def _tell(answer: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
