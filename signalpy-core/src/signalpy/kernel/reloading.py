"""What a new configuration changes, and what of it has to wait for the next start. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from signalpy.configuration import Configuration, KernelSettings, PluginSettings

HOOKS: Final = "kernel.hooks"
AT_ONCE: Final = frozenset({HOOKS, "kernel.shutdown_deadline"})
"""Those of the kernel's own settings that count at once."""


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What is different, by name; no values, which may be secrets.

    :param policies: names of the policy entries that changed.
    :param tables: components whose settings changed.
    :param pending: dotted keys of ``[kernel]`` and ``[plugins]`` that changed and count from the next start.
    """

    policies: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    at_once: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.policies or self.tables or self.pending or self.at_once)

    def as_dict(self) -> dict[str, list[str]]:
        """The parts as plain lists; what is empty is left out."""
        parts = {
            "policies": self.policies,
            "tables": self.tables,
            "kernel": self.at_once,
            "pending": self.pending,
        }
        return {name: list(part) for name, part in parts.items() if part}

    def __str__(self) -> str:
        told = [
            f"{word} {', '.join(part)}"
            for word, part in (("policies of", self.policies), ("settings of", self.tables), ("", self.at_once))
            if part
        ]
        if self.pending:
            told.append(f"{', '.join(self.pending)} from the next start on")
        return "; ".join(text.strip() for text in told) or "nothing changed"


def differences(old: Configuration, new: Configuration) -> Reloaded:
    """What ``new`` changes in a running kernel."""
    own = [*_fields("kernel", old.kernel, new.kernel), *_fields("plugins", old.plugins, new.plugins)]
    return Reloaded(
        policies=_names(old.policy, new.policy),
        tables=_names(old.tables, new.tables),
        pending=tuple(key for key in own if key not in AT_ONCE),
        at_once=tuple(key for key in own if key in AT_ONCE),
    )


def _names(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, ...]:
    """The names under which the two differ, and, if only their order does, all of them: it decides among equals."""
    changed = tuple(name for name in dict.fromkeys([*old, *new]) if old.get(name) != new.get(name))
    return changed or (tuple(new) if list(old) != list(new) else ())


def _fields(table: str, old: KernelSettings | PluginSettings, new: KernelSettings | PluginSettings) -> Iterator[str]:
    for name in type(new).__struct_fields__:
        if getattr(old, name) != getattr(new, name):
            yield f"{table}.{name}"
