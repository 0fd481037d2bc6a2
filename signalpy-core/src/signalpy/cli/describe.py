"""``signalpy describe TARGET``: what a component or one of its runnables is, as it declares itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from signalpy.cli.catalog import declared
from signalpy.cli.failure import Failure
from signalpy.cli.options import options
from signalpy.cli.output import print_json, say
from signalpy.matching import did_you_mean

if TYPE_CHECKING:
    from signalpy.definition import ComponentSpec, RunnableSpec


@click.command()
@click.argument("target")
@click.option("--json", "as_json", is_flag=True, help="One object instead of text.")
def describe(target: str, *, as_json: bool) -> None:
    """Describe TARGET: a component, or one of its runnables (component.runnable).

    Imports the components' classes; nothing is started.
    """
    name, _, runnable = target.partition(".")
    specs = {spec.name: spec for _, spec in declared(options())}
    if name not in specs:
        raise Failure(
            f"there is no component {name!r} to describe.{did_you_mean(name, specs)} See: signalpy why {name}"
        )
    told = component_of(specs[name]) if not runnable else _runnable(specs[name], runnable)
    if as_json:
        print_json(told)
        return
    for line in "\n".join(_lines(told)).split("\n"):
        say(line)


def component_of(spec: ComponentSpec) -> dict[str, Any]:
    """All that a component declares, as plain values; what it does not declare is left out."""
    told: dict[str, Any] = {
        "component": spec.name,
        "version": spec.version,
        "description": spec.description,
        "provides": list(spec.provides),
        "requires": {item.attr: _requirement(item) for item in spec.requires},
        "depends": [f"{item.name}{item.specifier}" for item in spec.depends],
        "emits": list(spec.emits),
        "exclusive": spec.exclusive,
        "hooks": [item.hook for item in spec.hooks],
        "subscriptions": [
            {"pattern": item.pattern, "description": item.description, "background": item.background}
            for item in spec.subscriptions
        ],
        "runnables": [runnable_of(spec, item) for item in spec.runnables],
        "settings": _schema(spec.settings),
    }
    return {key: value for key, value in told.items() if value}


def runnable_of(spec: ComponentSpec, item: RunnableSpec) -> dict[str, Any]:
    """All that a runnable declares. ``params`` is a JSON Schema; ``null`` if it takes none, ``{}`` if it takes any."""
    runs = "async" if item.is_async else "in a worker thread" if item.thread else "inline"
    params = _schema(item.params) or ({} if item.takes_params else None)
    return {
        "target": f"{spec.name}.{item.name}",
        "description": item.description,
        "runs": runs,
        "params": params,
        "emits": list(spec.emits),
    }


def _runnable(spec: ComponentSpec, name: str) -> dict[str, Any]:
    found = next((item for item in spec.runnables if item.name == name), None)
    if found is None:
        known = [item.name for item in spec.runnables]
        raise Failure(
            f"{spec.name} has no runnable {name!r}.{did_you_mean(name, known)} See: signalpy describe {spec.name}"
        )
    return runnable_of(spec, found)


def _requirement(item: Any) -> str:
    return f"all {item.contract}" if item.many else f"optional {item.contract}" if item.optional else str(item.contract)


def _schema(model: Any) -> dict[str, Any] | None:
    """The JSON Schema of a model; a text in its place where the model has parts that no schema can express."""
    if model is None:
        return None
    from pydantic import TypeAdapter
    from pydantic.errors import PydanticInvalidForJsonSchema

    try:
        return TypeAdapter(model).json_schema()
    except PydanticInvalidForJsonSchema as error:
        return {"$comment": f"no JSON Schema: {error.message}"}


def _lines(told: dict[str, Any], indent: str = "") -> Iterator[str]:
    for key, value in told.items():
        if key == "params":
            yield f"{indent}{key}: {_schema_text(value)}"
        elif key == "settings":
            yield f"{indent}{key}:"
            required = value.get("required", ())
            fields = value.get("properties", {}).items()
            yield from (f"{indent}  - {_setting(name, field, required=name in required)}" for name, field in fields)
        elif isinstance(value, dict):
            yield f"{indent}{key}:"
            yield from _lines(value, f"{indent}  ")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            yield f"{indent}{key}:"
            yield from (f"{indent}  - {_in_a_line(item)}" for item in value)
        elif isinstance(value, list):
            yield f"{indent}{key}: {', '.join(value) or '-'}"
        else:
            yield f"{indent}{key}: {_word(value)}"


def _in_a_line(item: dict[str, Any]) -> str:
    """A subscription or a runnable inside its component; the whole of a runnable is told by its own name."""
    if "pattern" in item:
        return f"{item['pattern']}{' (background)' if item['background'] else ''}{_after(item['description'])}"
    fields = ", ".join(item["params"].get("properties", {"…": None})) if item["params"] is not None else ""
    return f"{item['target']}({fields})" + _after(item["description"])


def _after(text: str) -> str:
    return f"  {text}" if text else ""


def _word(value: Any) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value) or "-"


def _setting(name: str, field: dict[str, Any], *, required: bool) -> str:
    made = "(required)" if required else "(computed)"
    default = json.dumps(field["default"], ensure_ascii=False, default=str) if "default" in field else made
    return f"{name} = {default}{_after(field.get('description', ''))}"


def _schema_text(schema: dict[str, Any] | None) -> str:
    if schema is None:
        return "none"
    if not schema:
        return "any object"
    return json.dumps(schema, indent=2, ensure_ascii=False, default=str)
