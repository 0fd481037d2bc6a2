"""``signalpy invoke TARGET [JSON]``: one call."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from signalpy.cli.attached import OWN_PROCESS, ask
from signalpy.cli.booting import Start, start_options, with_kernel
from signalpy.cli.failure import NO, Failure, Refusal, told
from signalpy.cli.options import options
from signalpy.cli.output import print_json
from signalpy.errors import InvalidParams, PolicyDenied, SignalPyError, TargetNotFound

if TYPE_CHECKING:
    from signalpy.kernel import Kernel


@click.command()
@click.argument("target")
@click.argument("params", metavar="[JSON]", required=False)
@click.option("-a", "--actor", help="Who does it.")
@start_options
@click.pass_context
def invoke(
    ctx: click.Context,
    target: str,
    params: str | None,
    *,
    actor: str | None,
    without: tuple[str, ...],
    safe: bool,
    plugin: tuple[str, ...],
) -> None:
    """Boot, call TARGET (component.runnable) once, and print its result as JSON.

    JSON is an object with the parameters; "-" reads it from stdin, which keeps it out of the list of processes.
    With --attach the process there is asked, nothing boots: the actor is then your user, on behalf of --actor.
    Exit codes: 0 done; 1 refused, failed, or a result with an "error"; 2 wrong usage or it could not run.
    """
    given = options()
    values = _values(params)

    async def call(kernel: Kernel) -> Any:
        try:
            return await kernel.bus.invoke(target, values, actor=actor)
        except (InvalidParams, TargetNotFound):
            raise
        except PolicyDenied as error:
            raise Refusal(_refused(target, error), cause=error if given.debug else None) from error
        except SignalPyError:
            raise
        except Exception as error:
            raise Refusal(f"{target} failed: {told(error)}", cause=error if given.debug else None) from error

    start = Start(without, safe, plugin)
    if given.attach is not None:
        if start:
            raise Failure(f"--without, --safe or --plugin {OWN_PROCESS}")
        result = ask("invoke", {"target": target, "params": values}, on_behalf_of=actor, timeout=None)
    else:
        result = with_kernel(given, call, start)
    print_json(result)
    if isinstance(result, Mapping) and result.get("error"):
        ctx.exit(NO)


def _refused(target: str, error: PolicyDenied) -> str:
    """What was refused, and by which rule; an interceptor's own words need not say it."""
    said, rule = str(error), getattr(error, "rule", None)
    said = said if target in said else f"{target}: {said}"
    return said if rule is None or str(rule) in said else f"{said.rstrip('.')} (rule: {rule})"


def _values(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    if text == "-":
        text = sys.stdin.read()
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        raise click.UsageError(f"JSON: expected an object, found no JSON: {error}.") from error
    if not isinstance(values, dict):
        raise click.UsageError(f"JSON: expected an object, found {type(values).__name__}.")
    return values
