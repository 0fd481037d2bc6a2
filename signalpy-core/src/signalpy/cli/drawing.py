"""The graph of components and events, and its notations. Pure: declarations in, text out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from signalpy.definition import ComponentSpec

ARROWS: Final = {"requires": "-->", "depends": "-.->", "publishes": "==>", "subscribes": "-->"}
STYLES: Final = {"requires": "solid", "depends": "dashed", "publishes": "bold", "subscribes": "solid"}


@dataclass(slots=True)
class Graph:
    """Nodes ``{"id", "kind", "label"}`` and edges ``{"from", "to", "kind", "label"}``.

    Kinds of nodes: ``component``; ``missing``, a component or contract that nobody has; ``event``, a pattern. Kinds of
    edges: ``requires`` and ``depends``, from who needs to who is needed; ``publishes``, from component to pattern;
    ``subscribes``, from pattern to component.
    """

    nodes: list[dict[str, str]] = field(default_factory=list)
    edges: list[dict[str, str]] = field(default_factory=list)

    def node(self, kind: str, label: str) -> str:
        """The id of a node, added if it is new."""
        identity = f"event:{label}" if kind == "event" else label
        if all(known["id"] != identity for known in self.nodes):
            self.nodes.append({"id": identity, "kind": kind, "label": label})
        return identity

    def edge(self, start: str, end: str, kind: str, label: str = "") -> None:
        """Adds an edge, once."""
        edge = {"from": start, "to": end, "kind": kind, "label": label}
        if edge not in self.edges:
            self.edges.append(edge)


def graph_of(specs: Sequence[ComponentSpec]) -> Graph:
    """The graph of these components."""
    graph = Graph()
    for spec in specs:
        graph.node("component", spec.name)
    for spec in specs:
        _needs(graph, spec, specs)
        for pattern in spec.emits:
            graph.edge(spec.name, graph.node("event", pattern), "publishes")
        for item in spec.subscriptions:
            graph.edge(graph.node("event", item.pattern), spec.name, "subscribes")
    return graph


def mermaid(graph: Graph) -> str:
    """The graph as a Mermaid flowchart."""
    number = {node["id"]: f"n{place}" for place, node in enumerate(graph.nodes)}
    shapes = {"component": '["{}"]', "event": '(["{}"])', "missing": '[/"{}"/]'}
    lines = ["flowchart LR"]
    lines += [f"    {number[node['id']]}{shapes[node['kind']].format(_entity(node['label']))}" for node in graph.nodes]
    for edge in graph.edges:
        label = f'|"{_entity(edge["label"])}"|' if edge["label"] else ""
        lines.append(f"    {number[edge['from']]} {ARROWS[edge['kind']]}{label} {number[edge['to']]}")
    return "\n".join(lines)


def dot(graph: Graph) -> str:
    """The graph in the language of Graphviz."""
    shapes = {"component": "box", "event": "oval", "missing": "diamond"}
    lines = ["digraph signalpy {", "    rankdir=LR;"]
    lines += [
        f"    {_quoted(node['id'])} [label={_quoted(node['label'])}, shape={shapes[node['kind']]}];"
        for node in graph.nodes
    ]
    for edge in graph.edges:
        looks = f"label={_quoted(edge['label'])}, style={STYLES[edge['kind']]}"
        lines.append(f"    {_quoted(edge['from'])} -> {_quoted(edge['to'])} [{looks}];")
    return "\n".join([*lines, "}"])


def _needs(graph: Graph, spec: ComponentSpec, specs: Sequence[ComponentSpec]) -> None:
    names = {other.name for other in specs}
    for dependency in spec.depends:
        kind = "component" if dependency.name in names else "missing"
        graph.edge(spec.name, graph.node(kind, dependency.name), "depends", dependency.specifier)
    for wanted in spec.requires:
        providers = [other.name for other in specs if wanted.contract in other.provides and other is not spec]
        for provider in providers:
            graph.edge(spec.name, provider, "requires", wanted.contract)
        if not providers and not wanted.optional and not wanted.many and not wanted.contract.startswith("signalpy."):
            graph.edge(spec.name, graph.node("missing", wanted.contract), "requires", wanted.contract)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _entity(text: str) -> str:
    """``text`` inside a quoted Mermaid label: its own entities, so that no character ends the label."""
    return text.replace("&", "#amp;").replace('"', "#quot;").replace("<", "#lt;").replace(">", "#gt;")
