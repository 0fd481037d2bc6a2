"""What the workspace's own distributions declare; what else is installed beside them does not get into the pages."""

import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent.parent


def projects() -> list[dict[str, Any]]:
    """The `[project]` table of every distribution, core first, examples left out."""
    paths = [ROOT / "signalpy-core" / "pyproject.toml", *sorted((ROOT / "plugins").glob("*/pyproject.toml"))]
    return [tomllib.loads(path.read_text())["project"] for path in paths]


def entry_points(group: str) -> Iterator[tuple[str, str, Any]]:
    """Distribution, name and object of each entry point of a group."""
    for project in projects():
        for name, value in project.get("entry-points", {}).get(group, {}).items():
            module, _, attribute = value.partition(":")
            yield project["name"], name, getattr(import_module(module), attribute)


def packages() -> list[str]:
    """The import names, core first."""
    return ["signalpy", *(project["name"].replace("-", "_") for project in projects()[1:])]
