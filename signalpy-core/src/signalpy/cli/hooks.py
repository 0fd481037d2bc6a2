"""``signalpy hooks``: every hook, when it fires, and who implements it."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import click

from signalpy import hookspecs
from signalpy.cli.catalog import declared
from signalpy.cli.options import options
from signalpy.cli.output import print_json
from signalpy.errors import HookError

if TYPE_CHECKING:
    from signalpy.definition import ComponentSpec
    from signalpy.hooks import HookRegistry, Implementation


@click.command()
@click.option("--json", "as_json", is_flag=True, help="A list of objects instead of text.")
def hooks(*, as_json: bool) -> None:
    """List the hooks: when each fires, what it may do, and who implements it.

    Of the implementations the outermost comes first. Imports the components' classes; nothing is started.
    """
    registry = _registry([spec for _, spec in declared(options())])
    told = [_told(name, registry) for name in (*hookspecs.RINGS, *hookspecs.NOTICES)]
    if as_json:
        print_json(told)
        return
    for hook in told:
        click.echo(f"{hook['hook']}({', '.join(hook['arguments'])})")
        click.echo("\n".join(f"    {line}".rstrip() for line in hook["doc"].splitlines()))
        for item in hook["implementations"]:
            options_told = "".join(
                f", {key} {value}" for key, value in item.items() if key not in ("component", "version")
            )
            click.echo(f"  - {item['component']} {item['version']}{options_told}")
        click.echo()


def _told(name: str, registry: HookRegistry) -> dict[str, Any]:
    function = getattr(hookspecs, name)
    return {
        "hook": name,
        "arguments": list(inspect.signature(function).parameters),
        "doc": inspect.getdoc(function) or "",
        "implementations": [_implementation(item) for item in registry.ordered(name)],
    }


def _implementation(item: Implementation) -> dict[str, Any]:
    given = item.options
    told = {
        "component": item.plugin,
        "version": item.version,
        "targets": ", ".join(given.targets) if given.targets != ("*",) else None,
        "before": ", ".join(given.before) or None,
        "after": ", ".join(given.after) or None,
        "on_error": given.on_error,
        "timeout": given.timeout,
    }
    return {key: value for key, value in told.items() if value is not None}


def _registry(specs: list[ComponentSpec]) -> HookRegistry:
    """The implementations in the order that the kernel would give them. Methods are read; no component is made."""
    from signalpy.hooks import HookRegistry
    from signalpy.hooks.plugin import plugin_of

    registry = HookRegistry()
    for spec in specs:
        if not spec.hooks:
            continue
        try:
            bare: object = object.__new__(spec.cls)
            marks = [(item.hook, item.options) for item in spec.hooks]
            registry.install(plugin_of(bare, spec.name, hooks=marks, version=spec.version))
        except (HookError, TypeError) as error:
            click.echo(f"signalpy: {spec.name} is left out: {error}", err=True)
    return registry
