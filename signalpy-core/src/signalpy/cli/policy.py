"""``signalpy policy``: what the policies say, of the file or of a process that runs. No plugin is imported."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click

from signalpy.cli.attached import ask, attach_only
from signalpy.cli.failure import Refusal
from signalpy.cli.options import Options, options
from signalpy.cli.output import print_columns, print_json, say


@click.group()
def policy() -> None:
    """Check, explain and change policies; without --attach those of the file."""


@policy.command()
@click.option("--json", "as_json", is_flag=True, help="A list of objects: entry, key, problem.")
def check(*, as_json: bool) -> None:
    """List what is wrong in the policies, or cannot be meant; exit code 1 if there is anything.

    Names are compared with those of the components that are installed, or with --attach with those that run.
    """
    found = ask("policy.check", of=list) if options().attach is not None else _checked(options())
    if as_json:
        print_json(found)
    for item in () if as_json else found:
        key = f"{item['key']}: " if item["key"] else ""
        say(f'policy "{item["entry"]}": {key}{item["problem"]}')
    if found:
        raise Refusal(f"{len(found)} findings in the policies")
    if not as_json:
        click.echo("nothing to find fault with in the policies")


@policy.command()
@click.argument("caller")
@click.argument("target")
@click.option("--publish", is_flag=True, help="TARGET is an event type, which CALLER publishes.")
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
def explain(caller: str, target: str, *, publish: bool, as_json: bool) -> None:
    """Tell whether CALLER may call TARGET, at which level that is audited, and which entries say so."""
    action = "publish" if publish else "invoke"
    if options().attach is not None:
        [found] = ask("policy.explain", {"caller": caller, "name": target, "action": action}, of=list)
    else:
        found = _explained(options(), action, caller, target)
    if as_json:
        print_json(found)
        return
    say(_words(found))
    rows = [
        (line["key"], line["of"], "-" if line["entry"] is None else json.dumps(line["value"]), line["entry"] or "-")
        for line in found["lines"]
    ]
    print_columns(("KEY", "OF", "VALUE", "ENTRY"), rows)


@policy.command("set")
@click.argument("name")
@click.argument("keys", metavar="JSON")
def set_(name: str, keys: str) -> None:
    """Change the entry NAME of the process at --attach PATH at once; print before, after and the receipts.

    JSON is an object with the keys to set; null unsets one. The file is not changed.
    """
    attach_only("policy set")
    try:
        values = json.loads(keys)
    except json.JSONDecodeError as error:
        raise click.UsageError(f"JSON: expected an object, found no JSON: {error}.") from error
    if not isinstance(values, dict):
        raise click.UsageError(f"JSON: expected an object, found {type(values).__name__}.")
    print_json(ask("policy.set", {"name": name, "keys": values}))


def _checked(given: Options) -> list[dict[str, Any]]:
    from signalpy.configuration import written
    from signalpy.review import doubtful, wrong

    tables = written(given.file)[0].get("policy", {})
    if not isinstance(tables, Mapping):
        tables = given.configuration.policy  # raises, in the words of a boot
    findings, policies = wrong(tables)
    names = {entry.name for item in given.reading.installed for entry in item.entries_of("signalpy.components")}
    return [item.as_dict() for item in (*findings, *doubtful(policies, names))]


def _explained(given: Options, action: str, caller: str, target: str) -> dict[str, Any]:
    from signalpy.explanation import explain as explained
    from signalpy.policy import Policies

    policies = Policies(given.configuration.policy)
    return explained(policies, "publish" if action == "publish" else "invoke", caller, target).as_dict()


def _words(found: Mapping[str, Any]) -> str:
    import msgspec

    from signalpy.explanation import Explanation

    return msgspec.convert(found, Explanation).words
