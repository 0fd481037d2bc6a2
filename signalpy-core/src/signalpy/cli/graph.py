"""``signalpy graph``: who needs whom, and who hears what."""

from __future__ import annotations

import click

from signalpy.cli.catalog import declared
from signalpy.cli.drawing import dot, graph_of, mermaid
from signalpy.cli.options import options
from signalpy.cli.output import print_json


@click.command()
@click.option("--format", "form", type=click.Choice(["mermaid", "dot", "json"]), default="mermaid", show_default=True)
def graph(form: str) -> None:
    """Draw the components with what they require, depend on, publish and subscribe to.

    Imports the components' classes; nothing is started.
    """
    drawn = graph_of([spec for _, spec in declared(options())])
    if form == "json":
        print_json({"nodes": drawn.nodes, "edges": drawn.edges})
    else:
        click.echo(mermaid(drawn) if form == "mermaid" else dot(drawn))
