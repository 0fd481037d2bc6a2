"""Claims to a name: who gets one that several distributions want, and what a group of entry points comes to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from signalpy.discovery.compatibility import CORE, incompatibility
from signalpy.naming import canonical
from signalpy.states import State

if TYPE_CHECKING:
    from signalpy.discovery.entry import Entry
    from signalpy.discovery.installed import Installed

T = TypeVar("T")

Finding: TypeAlias = "tuple[State, str]"
"""A state, and the reason for it in words; ``discovered`` and nothing if nothing stands against it."""

Judged: TypeAlias = "Callable[[Installed, Entry], Finding]"
"""What stands against an entry point."""


def settled(name: str, claims: Sequence[tuple[str, T]], prefer: Mapping[str, str]) -> tuple[T | None, str]:
    """Which of ``claims``, by distribution, has the name; or that none has it, in words."""
    owners = [owner for owner, _ in claims]
    wanted = canonical(prefer[name]) if name in prefer else ""
    for chosen in (CORE, wanted):
        if owners.count(chosen) == 1:
            return next(claim for owner, claim in claims if owner == chosen), ""
    if len(claims) == 1:
        return claims[0][1], ""
    if len(set(owners)) == 1:
        return None, f"{owners[0]} claims {name!r} twice; none is loaded. Report it to its author"
    fix = f'Uninstall or deny one, or settle it: [plugins] prefer = {{ {name} = "{owners[0]}" }}'
    if wanted:
        from signalpy.matching import did_you_mean

        fix = f"[plugins] prefer names {wanted!r}, which is none of them.{did_you_mean(wanted, owners)}"
    return None, f"{' and '.join(owners)} claim {name!r}; neither is loaded. {fix}"


def granted(
    installed: Iterable[Installed], group: str, judged: Judged, prefer: Mapping[str, str]
) -> tuple[dict[str, Entry], list[str]]:
    """The entry points of ``group`` that may be loaded, by name, and a line for each name that nobody gets.

    A name that two distributions claim goes to whom ``prefer`` settles it on, or to the core if it is one of its own.
    """
    claims: dict[str, list[tuple[str, Entry]]] = {}
    for item in installed:
        for entry in item.entries_of(group):
            if judged(item, entry)[0] is State.DISCOVERED:
                claims.setdefault(entry.name, []).append((item.name, entry))
    found: dict[str, Entry] = {}
    problems = []
    for name, claimants in sorted(claims.items()):
        winner, problem = settled(name, claimants, prefer)
        if winner is not None:
            found[name] = winner
        else:
            problems.append(f"{group}: {problem}")
    return found, problems


def refusal(installed: Iterable[Installed], group: str, name: str, judged: Judged) -> str:
    """Why no entry point ``name`` of ``group`` may be loaded, in words; empty if one may or there is none."""
    claims = [(item, entry) for item in installed for entry in item.entries_of(group) if entry.name == name]
    findings = [(item, *judged(item, entry)) for item, entry in claims]
    told = [f"that of {item.name} is {state}: {reason}" for item, state, reason in findings if reason]
    return "; ".join(told) if len(told) == len(claims) else ""


def fit(installed: Installed) -> Finding:
    """What stands against a distribution where nothing is configured: that it does not fit this core or Python."""
    problem = incompatibility(installed.requires, installed.requires_python)
    return (State.INCOMPATIBLE, problem) if problem else (State.DISCOVERED, "")
