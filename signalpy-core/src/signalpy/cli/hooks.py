"""``signalpy hooks``: every hook, when it fires, and who implements it."""

from __future__ import annotations

import inspect
from math import inf
from typing import TYPE_CHECKING, Any

import click

from signalpy import hookspecs
from signalpy.cli.catalog import declared
from signalpy.cli.options import options
from signalpy.cli.output import print_json
from signalpy.errors import HookError

if TYPE_CHECKING:
    from signalpy.configuration import Configuration
    from signalpy.definition import ComponentSpec
    from signalpy.discovery import Candidate
    from signalpy.hooks import HookRegistry, Implementation


@click.command()
@click.option("--json", "as_json", is_flag=True, help="A list of objects instead of text.")
def hooks(*, as_json: bool) -> None:
    """List the hooks: when each fires, what it may do, and who implements it.

    Of the implementations the outermost comes first; what [kernel.hooks] in the configuration says otherwise than their
    authors is told with its place. Imports the components' classes; nothing is started.
    """
    configuration = options().configuration
    registry = _registry(declared(options()), configuration)
    told = [_told(name, registry, configuration) for name in (*hookspecs.RINGS, *hookspecs.NOTICES)]
    if as_json:
        print_json(told)
        return
    for hook in told:
        click.echo(f"{hook['hook']}({', '.join(hook['arguments'])})")
        click.echo("\n".join(f"    {line}".rstrip() for line in hook["doc"].splitlines()))
        for item in hook["implementations"]:
            click.echo(f"  - {item['component']} {item['version']}{_words(item)}")
        click.echo()


def _words(item: dict[str, Any]) -> str:
    """The options of an implementation; those that the operator set with who set them and what the author said."""
    overridden = item.get("overridden", {})
    parts = []
    for key, value in item.items():
        if key in overridden:
            by, author = overridden[key]["by"], overridden[key]["author"]
            weaker = ", whose failure stops the operation" if overridden[key].get("weaker") else ""
            parts.append(f"{key} {value} (by {by}; its author: {author or 'nothing'}{weaker})")
        elif key not in ("component", "version", "distribution", "overridden"):
            parts.append(f"{key} {value}")
    return "".join(f", {part}" for part in parts)


def _told(name: str, registry: HookRegistry, configuration: Configuration) -> dict[str, Any]:
    function = getattr(hookspecs, name)
    return {
        "hook": name,
        "arguments": list(inspect.signature(function).parameters),
        "doc": inspect.getdoc(function) or "",
        "implementations": [_implementation(item, configuration) for item in registry.ordered(name)],
    }


def _implementation(item: Implementation, configuration: Configuration) -> dict[str, Any]:
    given, overridden = item.options, _overridden(item, configuration)
    told = {
        "component": item.plugin,
        "version": item.version,
        "distribution": item.distribution,
        "targets": ", ".join(given.targets) if given.targets != ("*",) else None,
        "before": ", ".join(given.before) or None,
        "after": ", ".join(given.after) or None,
        "on_error": given.on_error,
        "timeout": given.timeout if given.timeout is not None or "timeout" not in overridden else "none",
        "overridden": overridden or None,
    }
    return {key: value for key, value in told.items() if value is not None}


def _overridden(item: Implementation, configuration: Configuration) -> dict[str, Any]:
    """By option that the operator says otherwise than the author: who set it, and what the author said."""
    said, author = configuration.kernel.hooks.get(item.plugin), item.authored
    if said is None or author is None:
        return {}
    told: dict[str, Any] = {}
    for key in ("on_error", "timeout"):
        value, counts = getattr(said.of(item.hook), key), getattr(item.options, key)
        if value is not None and value == (counts if counts is not None or key != "timeout" else inf):
            setter = configuration.setter(f"kernel.hooks.{item.plugin}.{said.key_of(item.hook, key)}")
            told[key] = {"by": setter, "author": getattr(author, key)}
    if item.weakened:
        told["on_error"]["weaker"] = True
    return told


def _registry(found: list[tuple[Candidate, ComponentSpec]], configuration: Configuration) -> HookRegistry:
    """The implementations in the order that the kernel would give them. Methods are read; no component is made."""
    from signalpy.hooks import HookRegistry
    from signalpy.hooks.plugin import plugin_of

    registry = HookRegistry()
    registry.isolate(configuration.kernel.hooks)
    for candidate, spec in found:
        if not spec.hooks:
            continue
        try:
            bare: object = object.__new__(spec.cls)
            marks = [(item.hook, item.options) for item in spec.hooks]
            made = plugin_of(
                bare, spec.name, hooks=marks, version=candidate.version, distribution=candidate.distribution
            )
            registry.install(made)
        except (HookError, TypeError) as error:
            click.echo(f"signalpy: {spec.name} is left out: {error}", err=True)
    return registry
