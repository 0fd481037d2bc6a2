"""Policies: who may call and publish what, and what is audited. Pure: text and tables in, verdicts out.

An entry is filed under a pattern on component names or on ``component.runnable``. For each key the most specific
entry that has it wins: entries set at run time before those of the file, then an exact name before a pattern, then
more literal characters, then the later one. What may be invoked and published belongs to the caller; audit and
``require_actor`` count for the caller and for the target, and the stronger wins.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from msgspec import Struct

from signalpy.errors import PolicyError
from signalpy.matching import PatternIndex, did_you_mean, is_pattern, literal_length, matches, matches_any

LEVELS: Final = ("metadata", "request", "full")
"""Audit levels, the weakest first: who, what, when and outcome; and the parameters; and the result."""

CALLER_KEYS: Final = ("invoke_allow", "invoke_deny", "publish_allow", "publish_deny")
KEYS: Final = ("audit", *CALLER_KEYS, "require_actor")

UNSET: Final = object()
"""Marks a key that a run-time entry took out of the file's entry of the same name."""


class Verdict(Struct, frozen=True, eq=False):
    """What the policy says of one operation.

    :param allowed: whether it may run.
    :param rule: which rule refused it; ``None`` if it is allowed.
    :param audit: the level in force: ``None``, ``"metadata"``, ``"request"`` or ``"full"``.
    :param require_actor: whether it needs an actor.
    """

    allowed: bool = True
    rule: str | None = None
    audit: str | None = None
    require_actor: bool = False

    @property
    def plain(self) -> bool:
        """Whether it lets everything pass, whoever acts, and nothing is to be said of it."""
        return self.allowed and not self.require_actor and not self.audit

    def without_actor(self) -> Verdict:
        """The verdict for an operation without an actor."""
        if not self.allowed or not self.require_actor:
            return self
        return Verdict(allowed=False, rule="require_actor", audit=self.audit, require_actor=True)


class Entry(Struct, frozen=True):
    """One policy entry: the keys set under one name. ``runtime`` tells where it came from, ``place`` when."""

    name: str
    keys: Mapping[str, Any]
    runtime: bool
    place: int

    @property
    def rank(self) -> tuple[bool, bool, int, int]:
        """The greater wins."""
        return (self.runtime, not is_pattern(self.name), literal_length(self.name), self.place)


class Policies:
    """An immutable set of entries. A change makes a new one, so that it can be swapped in one step."""

    def __init__(self, file: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        """:raises PolicyError: naming entry, key and the nearest known key."""
        self._file = {name: checked(name, keys) for name, keys in (file or {}).items()}
        self._runtime: dict[str, dict[str, Any]] = {}
        self._ranked = self._rank()

    def with_file(self, file: Mapping[str, Mapping[str, Any]]) -> Policies:
        """The same run-time entries over another file."""
        new = Policies(file)
        new._runtime = self._runtime
        new._ranked = new._rank()
        return new

    def with_entry(self, name: str, keys: Mapping[str, Any]) -> Policies:
        """These policies with ``keys`` merged into the run-time entry ``name``; ``None`` unsets a key there.

        :raises PolicyError: naming entry, key and the nearest known key; nothing is changed.
        """
        new = Policies.__new__(Policies)
        new._file = self._file
        merged = dict(self._runtime.get(name, {}))
        for key, value in checked(name, keys, unset=True).items():
            if value is not None:
                merged[key] = value
            elif key in self._file.get(name, {}):
                merged[key] = UNSET
            else:
                merged.pop(key, None)
        runtime = {other: table for other, table in self._runtime.items() if other != name}
        new._runtime = {**runtime, name: merged} if merged else runtime
        new._ranked = new._rank()
        return new

    def entries(self) -> dict[str, dict[str, Any]]:
        """What is in force, by entry name, as plain values: the file's keys with the run-time ones over them."""
        names = [*self._file, *(name for name in self._runtime if name not in self._file)]
        tables = ((name, {**self._file.get(name, {}), **self._runtime.get(name, {})}) for name in names)
        plain = (
            (name, {key: _plain(value) for key, value in table.items() if value is not UNSET}) for name, table in tables
        )
        return {name: table for name, table in plain if table}

    @property
    def ranked(self) -> tuple[Entry, ...]:
        """The entries as they were set, the one that wins over the others first."""
        return tuple(self._ranked)

    def names(self) -> list[str]:
        """The names that have an entry."""
        return list(dict.fromkeys([*self._file, *self._runtime]))

    def setting(self, key: str, *names: str) -> tuple[Any, Entry | None]:
        """The value of ``key`` for what goes by any of ``names``, and the entry that gives it.

        ``(None, None)`` if none does.
        """
        for entry in self._ranked:
            if key in entry.keys and any(matches(name, entry.name) for name in names):
                return entry.keys[key], entry
        return None, None

    def for_invoke(self, caller: str, target: str) -> Verdict:
        """The verdict on ``caller`` invoking ``target`` (``component.runnable``), if it has an actor."""
        names = (target, target.partition(".")[0])
        rule = self._refusal("invoke", caller, target)
        level = stronger(self._level(caller), self._level(*names))
        needs = bool(self.setting("require_actor", caller)[0] or self.setting("require_actor", *names)[0])
        return Verdict(allowed=rule is None, rule=rule, audit=level, require_actor=needs)

    def for_publish(self, caller: str, event_type: str) -> Verdict:
        """The verdict on ``caller`` publishing ``event_type``, if it has an actor."""
        return self.publishing(caller).of(event_type)

    def publishing(self, caller: str) -> Publishing:
        """The verdicts on whatever ``caller`` publishes."""
        return Publishing(self, caller)

    def _level(self, *names: str) -> str | None:
        level: str | None = self.setting("audit", *names)[0]
        return level or None

    def _refusal(self, action: str, caller: str, name: str) -> str | None:
        denied, entry = self.setting(f"{action}_deny", caller)
        pattern = matches_any(name, denied or ())
        if pattern is not None and entry is not None:
            return f'policy "{entry.name}": {action}_deny "{pattern}"'
        allowed, entry = self.setting(f"{action}_allow", caller)
        if allowed is not None and entry is not None and matches_any(name, allowed) is None:
            return f'policy "{entry.name}": not in {action}_allow'
        return None

    def _rank(self) -> list[Entry]:
        file = {
            name: {key: value for key, value in keys.items() if self._runtime.get(name, {}).get(key) is not UNSET}
            for name, keys in self._file.items()
        }
        runtime = {
            name: {key: value for key, value in keys.items() if value is not UNSET}
            for name, keys in self._runtime.items()
        }
        layers = ((False, file), (True, runtime))
        entries = [
            Entry(name, keys, is_runtime, place)
            for is_runtime, layer in layers
            for place, (name, keys) in enumerate(layer.items())
        ]
        return sorted(entries, key=lambda entry: entry.rank, reverse=True)


class Publishing:
    """What one caller may publish, worked out as far as it does not depend on the event type.

    The same answer is the same object, so that what follows from it can be kept.
    """

    def __init__(self, policies: Policies, caller: str) -> None:
        self._level: str | None = policies.setting("audit", caller)[0] or None
        self._needs = bool(policies.setting("require_actor", caller)[0])
        denied, denier = policies.setting("publish_deny", caller)
        allowed, allower = policies.setting("publish_allow", caller)
        self._denials = PatternIndex(
            (pattern, self._refusal(f'policy "{denier.name}": publish_deny "{pattern}"'))
            for pattern in denied or ()
            if denier is not None
        )
        self._allowed = PatternIndex((pattern, True) for pattern in allowed) if allowed is not None else None
        self._other = self._refusal(f'policy "{allower.name}": not in publish_allow') if allower is not None else None
        self._yes = Verdict(audit=self._level, require_actor=self._needs)

    def of(self, event_type: str) -> Verdict:
        """The verdict on one event type, if somebody acts."""
        denials = self._denials.find(event_type)
        if denials:
            return denials[0]
        if self._allowed is not None and self._other is not None and not self._allowed.find(event_type):
            return self._other
        return self._yes

    def _refusal(self, rule: str) -> Verdict:
        return Verdict(allowed=False, rule=rule, audit=self._level, require_actor=self._needs)


def stronger(one: str | None, other: str | None) -> str | None:
    """The higher of two audit levels."""
    return max(one, other, key=lambda level: -1 if level is None else LEVELS.index(level))


def checked(name: str, keys: Mapping[str, Any], *, unset: bool = False) -> dict[str, Any]:
    """``keys`` of the entry ``name`` in their stored form: lists as tuples, ``audit = true`` as ``"request"``.

    :param unset: whether ``None`` is a value.
    :raises PolicyError: naming the entry, the key and what would be right.
    """
    if not isinstance(name, str) or not name:
        raise PolicyError(
            f"policy: a name must be a text that is not empty, found {'none' if name == '' else type(name).__name__}",
            entry=name,
            key=None,
        )
    if not isinstance(keys, Mapping):
        found = type(keys).__name__
        raise PolicyError(f'policy "{name}": expected a table of keys, found {found}', entry=name, key=None)
    return {key: None if unset and value is None else _checked(name, key, value) for key, value in _known(name, keys)}


def _known(name: str, keys: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    for key, value in keys.items():
        if key not in KEYS and isinstance(value, Mapping):
            fix = f'The runnable {name}.{key} needs quotes: [policy."{name}.{key}"]'
            raise PolicyError(f'policy "{name}": unknown key {key!r}. {fix}', entry=name, key=key)
        if key not in KEYS:
            hint = did_you_mean(str(key), KEYS) or f" Known keys: {', '.join(KEYS)}."
            raise PolicyError(f'policy "{name}": unknown key {key!r}.{hint}', entry=name, key=key)
        if key in CALLER_KEYS and "." in name:
            raise PolicyError(
                f'policy "{name}": {key} belongs to a caller, and callers are components; '
                f"this name can only match a component's runnables. Put it under the caller's name.",
                entry=name,
                key=key,
            )
        yield key, value


def _checked(name: str, key: str, value: Any) -> Any:
    if key == "audit":
        level = {True: "request", False: False}.get(value, value) if isinstance(value, bool) else value
        if level is False or level in LEVELS:
            return level
        expected = "false, true, " + ", ".join(f'"{level}"' for level in LEVELS)
    elif key == "require_actor":
        if isinstance(value, bool):
            return value
        expected = "true or false"
    else:
        if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
            return tuple(value)
        expected = "a list of patterns (texts)"
    raise PolicyError(f'policy "{name}": {key} must be {expected}, found {_shown(value)}', entry=name, key=key)


def _shown(value: Any) -> str:
    return repr(value) if isinstance(value, str | int | float | None) else type(value).__name__


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
