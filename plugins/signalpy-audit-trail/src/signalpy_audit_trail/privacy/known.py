"""Rules held against what is known of runnables and typed events: one that can match none of it is a mistake. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from signalpy.matching import did_you_mean, is_pattern
from signalpy_audit_trail.fieldpath import Path, Step, Wild, written
from signalpy_audit_trail.privacy.rules import ROOTS, Rule, Rules

Schema: TypeAlias = Mapping[str, Any]
"""A JSON Schema; an empty one lets everything through."""

_ANYTHING: Final[Schema] = {}
_DEEPEST: Final = 50
_OF_CALLS: Final = ("params", "result")


def hopeless(
    rules: Rules, calls: Mapping[str, Sequence[Schema]], events: Mapping[str, Sequence[Schema]]
) -> Iterator[str]:
    """What is to be said of the fields of rules that can never match, in one line each.

    :param calls: schemas of parameters by target; an empty list where nothing is known of them.
    :param events: schemas of payloads by event type.
    """
    for order, rule in enumerate(rules.rules):
        for path in (*rule.fields, *([rule.subject] if rule.subject is not None else [])):
            problem = _problem(rule, path, calls, events)
            if problem is not None:
                where = "subject" if path == rule.subject and path not in rule.fields else "field"
                yield f"privacy.rules[{order}].{where}: {written(path)} can never match: {problem}"


def can_lead(path: Path, schema: Schema) -> bool:
    """Whether a value of a schema may have something at ``path``."""
    return _leads(path, schema, schema, _DEEPEST)


def _problem(
    rule: Rule, path: Path, calls: Mapping[str, Sequence[Schema]], events: Mapping[str, Sequence[Schema]]
) -> str | None:
    if path[0] in ROOTS or path[0] is Wild.MEMBER:
        return None
    if path[0] == "result":
        return _unknown_target(rule, calls)
    if path[0] != "params":
        found = {name: schemas for name, schemas in events.items() if rule.applies_to(name) and schemas}
        return _without(path, found, "typed event")
    problem = _unknown_target(rule, calls)
    if problem is not None or len(path) == 1:
        return problem
    found = {name: schemas for name, schemas in calls.items() if rule.applies_to(name)}
    if any(not schemas for schemas in found.values()):
        return None  # one takes any parameters
    return _without(path[1:], found, "runnable")


def _unknown_target(rule: Rule, calls: Mapping[str, Any]) -> str | None:
    if any(rule.applies_to(name) for name in calls):
        return None
    hints = "".join(did_you_mean(pattern, calls) for pattern in rule.types if not is_pattern(pattern))
    return f"there is no runnable {' or '.join(map(repr, rule.types))}.{hints}"


def _without(path: Path, found: Mapping[str, Sequence[Schema]], what: str) -> str | None:
    if not found or any(can_lead(path, schema) for schemas in found.values() for schema in schemas):
        return None
    names = sorted(found)
    told = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
    step = path[0]
    known = sorted({name for schemas in found.values() for schema in schemas for name in _names(schema)})
    hint = did_you_mean(step, known) if isinstance(step, str) and step not in known else ""
    return f"no {what} that it is about ({told}) has this field.{hint}"


def _names(schema: Schema) -> Iterator[str]:
    for each in _alternatives(schema, schema, _DEEPEST):
        yield from each.get("properties", ())


def _leads(path: Path, schema: Schema, root: Schema, depth: int) -> bool:
    if not path or depth <= 0:
        return True
    return any(
        _leads(path[1:], child, root, depth - 1)
        for each in _alternatives(schema, root, depth)
        for child in _children(each, path[0])
    )


def _alternatives(schema: Any, root: Schema, depth: int) -> Iterator[Schema]:
    """The schemas of which a value has one; references followed."""
    if not isinstance(schema, Mapping) or depth <= 0:
        yield _ANYTHING
        return
    if isinstance(reference := schema.get("$ref"), str):
        yield from _alternatives(_referred(reference, root), root, depth - 1)
        return
    several = [part for name in ("anyOf", "oneOf", "allOf") for part in schema.get(name, ())]
    for part in several:
        yield from _alternatives(part, root, depth - 1)
    if not several:
        yield schema


def _children(schema: Schema, step: Step) -> Iterator[Schema]:
    kind = schema.get("type")
    if kind is None and "properties" not in schema and "enum" not in schema and "const" not in schema:
        yield _ANYTHING
    elif isinstance(step, str) or step is Wild.MEMBER:
        if kind in (None, "object"):
            yield from _members(schema, step)
    elif kind == "array":
        yield from _elements(schema, step)


def _elements(schema: Schema, step: Step) -> Iterator[Schema]:
    prefixed = schema.get("prefixItems", ())
    if isinstance(step, int) and step < len(prefixed):
        yield prefixed[step]
        return
    if step is Wild.ELEMENT:
        yield from prefixed
    if not prefixed or "items" in schema:
        yield schema.get("items", _ANYTHING)


def _members(schema: Schema, step: Step) -> Iterator[Schema]:
    properties = schema.get("properties", {})
    if isinstance(step, str) and step in properties:
        yield properties[step]
        return
    if step is Wild.MEMBER:
        yield from properties.values()
    others = schema.get("additionalProperties", not properties)
    if others is not False:
        yield others if isinstance(others, Mapping) else _ANYTHING
    yield from schema.get("patternProperties", {}).values()


def _referred(reference: str, root: Schema) -> Any:
    found: Any = root
    for part in reference.removeprefix("#/").split("/"):
        found = found.get(part, _ANYTHING) if isinstance(found, Mapping) else _ANYTHING
    return found
