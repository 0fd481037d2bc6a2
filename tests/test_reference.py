"""The reference pages say what the code says, and nothing public is without words."""

from __future__ import annotations

import inspect
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from docs.generate import interface
from docs.generate.__main__ import FOLDER, PAGES
from docs.generate.workspace import packages

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_generated_page_is_what_the_code_says(name: str) -> None:
    """Else: python -m docs.generate."""
    assert PAGES[name]() == (FOLDER / name).read_text()


def test_a_stale_page_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """--check says which, and what to do."""
    checked = subprocess.run([sys.executable, "-m", "docs.generate", "--check"], cwd=ROOT, capture_output=True)
    assert (0, b"") == (checked.returncode, checked.stderr)
    (tmp_path / "hooks.md").write_text("# Hooks\n")
    monkeypatch.setattr("docs.generate.__main__.FOLDER", tmp_path)
    from docs.generate.__main__ import stale

    assert sorted(PAGES) == sorted(stale())


@pytest.mark.parametrize("module", list(interface.modules()))
def test_everything_public_is_documented(module: str) -> None:
    """Every name has a docstring of its own, and so has every public method and property of a class."""
    found = import_module(module)
    names = interface.public(module)
    assert names
    for name in names:
        value = getattr(found, name)
        if inspect.isclass(value) or inspect.isroutine(value):
            assert (value.__doc__ or "").strip(), f"{module}.{name}"
        if inspect.isclass(value):
            assert [] == undocumented(value), f"{module}.{name}"


def undocumented(cls: type) -> list[str]:
    """Public methods and properties that a class defines without a docstring."""
    members = {name: value for name, value in vars(cls).items() if not name.startswith("_")}
    callables = {
        name: getattr(value, "__func__", value)
        for name, value in members.items()
        if inspect.isroutine(value) or isinstance(value, property | classmethod | staticmethod)
    }
    return [name for name, value in callables.items() if not (value.__doc__ or "").strip()]


def test_the_page_has_every_public_name() -> None:
    """Nothing public is missing from the page on the Python interface."""
    text = (FOLDER / "interface.md").read_text()
    assert set(packages()) <= set(interface.modules())
    for module in interface.modules():
        for name in interface.public(module):
            assert f":: {module}.{name}\n" in text
