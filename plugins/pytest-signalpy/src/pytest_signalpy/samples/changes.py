"""What has changed between two JSON Schemas of an event so that payloads no longer mean the same. Pure.

What only describes (titles, descriptions, examples, defaults) is no change; neither is a new field that may be left
out, nor a limit that was widened. ``pattern`` is left out: pydantic writes its own for decimals, in other words with
other releases.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

Schema: TypeAlias = Mapping[str, Any]

LOWEST: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
HIGHEST: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")


def changes(old: Schema, new: Schema) -> list[str]:
    """Each change in one line that begins with the path of the field, such as ``lines[].price was number, is string``.

    :param old: the schema with which payloads were written.
    :param new: the one with which they are read now.
    """
    return list(_Comparison(old, new).between("", old, new))


class _Comparison:
    """Two whole schemas, in which ``$ref`` is looked up."""

    def __init__(self, old: Schema, new: Schema) -> None:
        self._old = old
        self._new = new
        self._open: set[tuple[str, str]] = set()

    def between(self, path: str, old: Any, new: Any) -> Iterator[str]:
        """The changes at and below a path."""
        pair = (_reference(old), _reference(new))
        if any(pair) and pair in self._open:
            return  # a model that holds itself
        self._open.add(pair)
        before, after = _resolved(old, self._old), _resolved(new, self._new)
        kinds = self._kind(before, self._old), self._kind(after, self._new)
        if kinds[0] != kinds[1]:
            yield f"{path or 'the payload'} was {kinds[0]}, is {kinds[1]}"
        else:
            yield from _limits(path, before, after)
            yield from _members(path, before, after)
            yield from self._fields(path, before, after)
            yield from self._elements(path, before, after)
            yield from self._alternatives(path, before, after)
        self._open.discard(pair)

    def _fields(self, path: str, old: Schema, new: Schema) -> Iterator[str]:
        before, after = old.get("properties", {}), new.get("properties", {})
        needed, needs = old.get("required", ()), new.get("required", ())
        for name, schema in before.items():
            here = f"{path}.{name}" if path else name
            if name not in after:
                yield f"{here} is gone"
                continue
            if name in needs and name not in needed:
                yield f"{here} could be left out, and is required"
            yield from self.between(here, schema, after[name])
        for name in after:
            if name not in before and name in needs:
                yield f"{path}.{name} is new and required" if path else f"{name} is new and required"
        others = old.get("additionalProperties", True), new.get("additionalProperties", True)
        if others[1] is False and others[0] is not False:
            yield f"{path or 'the payload'} takes no further fields any more"
        elif isinstance(others[0], Mapping) and isinstance(others[1], Mapping):
            yield from self.between(f"{path}.*" if path else "*", *others)

    def _elements(self, path: str, old: Schema, new: Schema) -> Iterator[str]:
        if isinstance(old.get("items"), Mapping) and isinstance(new.get("items"), Mapping):
            yield from self.between(f"{path}[]", old["items"], new["items"])
        for place, both in enumerate(zip(old.get("prefixItems", ()), new.get("prefixItems", ()), strict=False)):
            yield from self.between(f"{path}[{place}]", *both)

    def _alternatives(self, path: str, old: Schema, new: Schema) -> Iterator[str]:
        before = sorted(_alternatives(old), key=lambda each: self._kind(_resolved(each, self._old), self._old))
        after = sorted(_alternatives(new), key=lambda each: self._kind(_resolved(each, self._new), self._new))
        for one, other in zip(before, after, strict=False):
            yield from self.between(path, one, other)

    def _kind(self, schema: Schema, whole: Schema) -> str:
        """The type in a word or two."""
        alternatives = _alternatives(schema)
        if alternatives:
            return " or ".join(sorted(self._kind(_resolved(each, whole), whole) for each in alternatives))
        kind = schema.get("type")
        if kind is None:
            values = _values(schema)
            return " or ".join(sorted({_type_of(value) for value in values})) if values else "anything"
        kinds = " or ".join(sorted(kind)) if isinstance(kind, list) else str(kind)
        if "prefixItems" in schema:
            return f"array of {len(schema['prefixItems'])}"
        return f"{kinds} ({schema['format']})" if "format" in schema else kinds


def _limits(path: str, old: Schema, new: Schema) -> Iterator[str]:
    here = path or "the payload"
    for name in (*LOWEST, *HIGHEST):
        limit = new.get(name)
        if limit is None:
            continue
        held = old.get(name)
        if held is None:
            yield f"{here} has a new limit, {name} {limit}"
        elif limit > held if name in LOWEST else limit < held:
            yield f"{here}: {name} was {held}, is {limit}"
    if new.get("multipleOf") != old.get("multipleOf") and "multipleOf" in new:
        yield f"{here}: multipleOf was {old.get('multipleOf', 'not set')}, is {new['multipleOf']}"
    if new.get("uniqueItems") and not old.get("uniqueItems"):
        yield f"{here}: its elements have to differ now"


def _members(path: str, old: Schema, new: Schema) -> Iterator[str]:
    values = _values(new)
    if values and not _values(old):
        yield f"{path or 'the payload'} took any value, and takes only {', '.join(map(_shown, values))}"
        return
    for value in _values(old):
        if values and value not in values:
            yield f"{path or 'the payload'} no longer takes {_shown(value)}"


def _values(schema: Schema) -> list[Any]:
    return [schema["const"]] if "const" in schema else list(schema.get("enum", ()))


def _alternatives(schema: Schema) -> list[Any]:
    return list(schema.get("anyOf") or schema.get("oneOf") or ())


def _reference(schema: Any) -> str:
    return str(schema.get("$ref", "")) if isinstance(schema, Mapping) else ""


def _resolved(schema: Any, whole: Schema) -> Schema:
    """The schema that a reference leads to; ``True`` and ``False``, which are schemas too, limit nothing here."""
    if not isinstance(schema, Mapping):
        return {}
    reference = _reference(schema)
    if reference.startswith("#/$defs/"):
        return _resolved(whole.get("$defs", {}).get(reference.removeprefix("#/$defs/"), {}), whole)
    several = schema.get("allOf", ())
    return _resolved(several[0], whole) if len(several) == 1 else schema


def _type_of(value: Any) -> str:
    return {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}.get(
        type(value), "object"
    )


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
