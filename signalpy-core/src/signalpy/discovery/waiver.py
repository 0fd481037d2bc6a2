"""What the operator leaves out of one start: that it is there to be left out, and what is lost without it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from signalpy.configuration import OneStart, PluginSettings
from signalpy.discovery.compatibility import CORE
from signalpy.discovery.filter import Filter, matching
from signalpy.errors import ConfigError
from signalpy.matching import did_you_mean


def waived(
    settings: PluginSettings, components: Iterable[tuple[str, str]], essential: frozenset[tuple[str, str]]
) -> list[str]:
    """A line for every component that its own distribution calls essential and that this start leaves out.

    :param components: distribution and name of all that are installed.
    :param essential: those of them that their distributions call essential.
    :raises ConfigError: if a name that is to be left out is that of nothing, of what is built in, or of what the
        configuration requires.
    """
    if not isinstance(settings, OneStart):
        return []
    known = sorted(components)
    for pattern in settings.without:
        _check(pattern, known, settings.required)
    return list(_told(settings, sorted(essential)))


def _check(pattern: str, known: list[tuple[str, str]], required: Iterable[str]) -> None:
    if pattern == CORE or (CORE, pattern) in known:
        raise ConfigError(f"--without {pattern}: it is built in and cannot be left out.", key="plugins.without")
    met = [name for owner, name in known if matching([pattern], owner, name)]
    if not met:
        hint = did_you_mean(pattern, {word for pair in known for word in pair}) or " See: signalpy plugins"
        raise ConfigError(f"--without {pattern}: nothing of this name is installed.{hint}", key="plugins.without")
    needed = next((name for name in met if name in required), None)
    if needed is not None:
        raise ConfigError(
            f"--without {pattern}: {needed} stands in [plugins] required, so nothing starts without it. Take it out"
            " there, or start with --safe.",
            key="plugins.without",
        )


def _told(settings: OneStart, essential: Iterable[tuple[str, str]]) -> Iterator[str]:
    otherwise = Filter(settings.allow, settings.deny)
    for owner, name in essential:
        if otherwise.refusal(owner, name):
            continue
        pattern = matching(settings.without, owner, name)
        if pattern is not None or settings.safe:
            option = "--safe" if pattern is None else f"--without {pattern}"
            yield f"{name}: its distribution {owner} calls it essential, and it is left out all the same ({option})"
