"""The mark ``signalpy``: what a test wants its kernel to be made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

import pytest

NAME: Final = "signalpy"
LINE: Final = (
    f"{NAME}(components=[...], config={{...}}, stubs={{'component.runnable': function}}, time='2026-01-01T12:00:00Z'): "
    "what the kernel of this test is made of."
)
KEYS: Final = ("components", "config", "stubs", "time")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What all marks of one test say together.

    :param components: classes, and names of installed components.
    :param config: the configuration tree, as for ``Kernel``.
    :param stubs: what answers for components that the test does not have, by target.
    :param time: the moment at which ``frozen_time`` stands still; ``None`` for its default.
    """

    components: tuple[type | str, ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict)
    stubs: Mapping[str, Any] = field(default_factory=dict)
    time: Any = None


def wanted_by(node: pytest.Item) -> Wanted:
    """Reads the marks of a test, of its class and of its module.

    ``components`` and ``time`` are those of the closest mark that names them; ``config`` and ``stubs`` are laid over
    those of the marks further out, key by key.

    :raises pytest.fail.Exception: if a mark is wrong, in one line.
    """
    given: dict[str, Any] = {}
    config: dict[str, Any] = {}
    stubs: dict[str, Any] = {}
    for mark in reversed(list(node.iter_markers(NAME))):
        _check(mark)
        config = _laid_over(config, mark.kwargs.get("config", {}))
        stubs |= mark.kwargs.get("stubs", {})
        given |= mark.kwargs
    return Wanted(tuple(given.get("components", ())), config, stubs, given.get("time"))


def _check(mark: pytest.Mark) -> None:
    stray = next((key for key in mark.kwargs if key not in KEYS), None)
    if mark.args or stray is not None:
        found = repr(stray) if stray is not None else f"{len(mark.args)} arguments without a name"
        refuse(f"expected only {', '.join(KEYS)}, found {found}")
    components = mark.kwargs.get("components", ())
    if isinstance(components, str) or not isinstance(components, Iterable):
        refuse(f"components must be a list of classes and names, found {type(components).__name__}")
    odd = next((item for item in components if not isinstance(item, type | str)), None)
    if odd is not None:
        refuse(f"components are classes or names of installed components, found {type(odd).__name__}")
    for key in ("config", "stubs"):
        if not isinstance(mark.kwargs.get(key, {}), Mapping):
            refuse(f"{key} must be a mapping, found {type(mark.kwargs[key]).__name__}")


def refuse(problem: str) -> NoReturn:
    """Fails the test whose mark is wrong."""
    pytest.fail(f"@pytest.mark.{NAME}: {problem}", pytrace=False)


def _laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Two configuration trees as one; where both have a value that is no table, the upper one counts."""
    merged = dict(below)
    for key, value in above.items():
        held = merged.get(key)
        both = isinstance(held, Mapping) and isinstance(value, Mapping)
        merged[key] = _laid_over(held, value) if both else value  # type: ignore[arg-type]
    return merged
