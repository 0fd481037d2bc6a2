"""Taking samples: subjects in turn, round by round, until their medians stand or the time is up.

Standard library only, since the programs of the peers use it in an environment without this project.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, TypeAlias

from benchmarks.figures import unsteadiness

if TYPE_CHECKING:
    from collections.abc import Iterator

Taker: TypeAlias = Callable[[], Mapping[str, float]]
"""Takes one sample of one or several subjects, and returns it by name."""

LEAST_SECONDS = 0.02
"""A sample of what takes nanoseconds is repeated until it takes this long: the clock and a wake-up must not show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How long to go on.

    :param seconds: no round begins after so long, once there are ``least`` rounds.
    :param least: rounds in any case.
    :param most: rounds at most.
    :param steady: stop when no subject's median would move by more than this share; see `unsteadiness`.
    """

    seconds: float
    least: int = 5
    most: int = 200
    steady: float = 0.005


def interleave(
    takers: Sequence[Taker], budget: Budget, *, warm_up: int = 1, clock: Callable[[], float] = perf_counter
) -> dict[str, list[float]]:
    """Take samples of all subjects in turn, and return them by name, those of the warm-up left out.

    Each round begins with another subject, so that none always comes after the same one.
    """
    for _ in range(warm_up):
        for take in takers:
            take()
    samples: dict[str, list[float]] = {}
    began = clock()
    with quiet_collector():
        for number in range(budget.most):
            if number >= budget.least and (clock() - began >= budget.seconds or _steady(samples, budget.steady)):
                break
            first = number % len(takers) if takers else 0
            for take in (*takers[first:], *takers[:first]):
                gc.collect()
                for name, value in take().items():
                    samples.setdefault(name, []).append(value)
    return samples


@contextmanager
def quiet_collector() -> Iterator[None]:
    """The garbage collector goes on, as it does in an application, but does not look through what was there before."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


class Repeated:
    """Samples of what is too short to be timed once.

    :param run: does it so many times and returns how long one took, in any unit.
    :param seconds: how long a sample takes at least.
    """

    def __init__(self, run: Callable[[int], float], *, seconds: float = LEAST_SECONDS) -> None:
        self._run = run
        self._seconds = seconds
        self.times = 0
        """How often a sample repeats it; found by the first sample."""

    def __call__(self) -> float:
        """One sample."""
        if not self.times:
            self.times = self._calibrated()
        return self._run(self.times)

    def _calibrated(self) -> int:
        times = 1
        while True:
            began = perf_counter()
            self._run(times)
            if perf_counter() - began >= self._seconds:
                return times
            times *= 2


def named(name: str, sample: Callable[[], float]) -> Taker:
    """The taker of one subject."""
    return lambda: {name: sample()}


def _steady(samples: Mapping[str, Sequence[float]], share: float) -> bool:
    return all(unsteadiness(values) <= share for values in samples.values())
