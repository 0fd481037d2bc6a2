"""Rules on privacy: which values of which records are stored in another form. Pure.

A rule names event types or targets by patterns, values by paths, and what becomes of them. The table
``[audit-trail.privacy]`` holds them; it is read here, so that commands can do it without loading what only a running
application needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, TypeAlias

from msgspec import Struct

from signalpy.errors import ConfigError
from signalpy.matching import did_you_mean, matches_any
from signalpy_audit_trail.fieldpath import Path, parse, written

KeySource: TypeAlias = "str | Callable[[], bytes | str]"
"""``"file:PATH"``, ``"env:NAME"``, or what returns the key."""

ROOTS: Final = ("client", "error", "subjects")
"""Fields of the record, beside ``data``, into which a path leads that begins with their name."""

DETECTORS: Final = ("pan",)

_KEYS: Final = ("rules", "default", "detect", "hmac_secret", "key_encryption_key")
_RULE_KEYS: Final = ("type", "field", "action", "subject")


class Action(StrEnum):
    """What becomes of a value."""

    KEEP = "keep"
    REDACT = "redact"
    HASH = "hash"
    TOKENIZE = "tokenize"
    ENCRYPT = "encrypt"


WITH_KEYS: Final = frozenset({Action.HASH, Action.TOKENIZE, Action.ENCRYPT})
"""Actions that need a secret or a key."""


class Rule(Struct, frozen=True):
    """One rule.

    :param types: patterns on event type or target.
    :param fields: paths into the data of an event, or from ``params`` or ``result`` of a call; those that begin with
        ``client``, ``error`` or ``subjects`` lead into that field of the record as well.
    :param subject: of ``encrypt``: the path to whose key it is; the record's first subject, if not given.
    """

    types: tuple[str, ...]
    fields: tuple[Path, ...]
    action: Action
    subject: Path | None = None

    def __str__(self) -> str:
        return f"{self.action} {', '.join(map(written, self.fields))} of {', '.join(self.types)}"

    def applies_to(self, name: str) -> bool:
        """Whether it is about the event type or target ``name``."""
        return matches_any(name, self.types) is not None


class Rules(Struct, frozen=True):
    """The whole table.

    :param default: what becomes of a value that no rule names: ``keep`` or ``redact``.
    :param detect: what is looked for in every value that is kept.
    :param hmac_secret: where the secret of hashes, tokens and subjects comes from; ``None``: made beside the trail.
    :param key_encryption_key: where the key comes from that wraps the others, likewise.
    """

    rules: tuple[Rule, ...] = ()
    default: Action = Action.KEEP
    detect: tuple[str, ...] = ()
    hmac_secret: KeySource | None = None
    key_encryption_key: KeySource | None = None

    @property
    def idle(self) -> bool:
        """Whether everything is stored as it is."""
        return not self.rules and self.default is Action.KEEP and not self.detect

    @property
    def need_keys(self) -> bool:
        """Whether a rule asks for a secret or a key."""
        return any(rule.action in WITH_KEYS for rule in self.rules)

    def described(self) -> dict[str, Any]:
        """What is recorded of the table when the trail starts: everything but keys."""
        told = [
            {"type": list(rule.types), "field": list(map(written, rule.fields)), "action": str(rule.action)}
            | ({} if rule.subject is None else {"subject": written(rule.subject)})
            for rule in self.rules
        ]
        return {"rules": told, "default": str(self.default), "detect": list(self.detect)}


def parse_rules(table: object) -> Rules:
    """The rules that the table ``[audit-trail.privacy]`` holds.

    :raises ConfigError: one line that names the key, and what would be right.
    """
    given = _table("privacy", table, _KEYS)
    default = given.get("default", "keep")
    if default not in ("keep", "redact"):
        raise _wrong("default", 'expected "keep" or "redact"')
    detect = _texts("detect", given.get("detect", ()))
    strange = next((name for name in detect if name not in DETECTORS), None)
    if strange is not None:
        raise _wrong("detect", f"no such detector.{did_you_mean(strange, DETECTORS)} Known: {', '.join(DETECTORS)}")
    rules = given.get("rules", ())
    if not isinstance(rules, Sequence) or isinstance(rules, str):
        raise _wrong("rules", "expected a list of tables, [[audit-trail.privacy.rules]]")
    return Rules(
        tuple(_rule(f"rules[{place}]", rule) for place, rule in enumerate(rules)),
        Action(default),
        detect,
        _source("hmac_secret", given.get("hmac_secret")),
        _source("key_encryption_key", given.get("key_encryption_key")),
    )


def _rule(where: str, table: object) -> Rule:
    given = _table(where, table, _RULE_KEYS)
    for name in ("field", "action"):
        if name not in given:
            raise _wrong(f"{where}.{name}", "is required and not set")
    fields = tuple(_path(f"{where}.field", text) for text in _texts(f"{where}.field", given["field"]))
    if not fields:
        raise _wrong(f"{where}.field", "expected a path, or several")
    try:
        action = Action(given["action"])
    except ValueError:
        known = ", ".join(Action)
        hint = did_you_mean(given["action"], map(str, Action)) if isinstance(given["action"], str) else ""
        raise _wrong(f"{where}.action", f"expected one of {known}.{hint}") from None
    subject = given.get("subject")
    if subject is not None and action is not Action.ENCRYPT:
        raise _wrong(
            f"{where}.subject", f"only encrypt has a subject, and this rule's action is {action}; leave it out"
        )
    if subject is not None and not isinstance(subject, str):
        raise _wrong(f"{where}.subject", "expected a path")
    return Rule(
        _texts(f"{where}.type", given.get("type", "*")),
        fields,
        action,
        None if subject is None else _path(f"{where}.subject", subject),
    )


def _table(where: str, table: object, known: Sequence[str]) -> Mapping[str, Any]:
    if not isinstance(table, Mapping):
        raise _wrong(where, "expected a table")
    for key in table:
        if key not in known:
            full = str(key) if where == "privacy" else f"{where}.{key}"
            raise _wrong(full, f"unknown key.{did_you_mean(str(key), known)} Known keys: {', '.join(known)}")
    return table


def _texts(where: str, value: object) -> tuple[str, ...]:
    several = (value,) if isinstance(value, str) else value
    if not isinstance(several, Sequence) or not all(isinstance(text, str) and text for text in several):
        raise _wrong(where, "expected a text, or a list of texts")
    return tuple(several)


def _path(where: str, text: str) -> Path:
    try:
        return parse(text)
    except ValueError as wrong:
        raise _wrong(where, str(wrong)) from None


def _source(where: str, value: object) -> KeySource | None:
    if value is None or callable(value):
        return value
    if isinstance(value, str) and value.partition(":")[0] in ("file", "env") and value.partition(":")[2]:
        return value
    raise _wrong(where, 'expected "file:PATH", "env:NAME", or in Python a callable; never the key itself')


def _wrong(where: str, problem: str) -> ConfigError:
    key = where if where == "privacy" else f"privacy.{where}"
    return ConfigError(f"{key}: {problem}", key=key)


def paths_of(rule: Rule) -> Iterator[tuple[Path, ...]]:
    """Each field of a rule as the places, from the record's root, into which it leads."""
    for field in rule.fields:
        into_data: Path = ("data", *field)
        yield (into_data, field) if field[0] in ROOTS else (into_data,)
