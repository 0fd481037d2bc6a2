"""`signalpy new`: what it makes, what it refuses, and that nothing half made is left."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from signalpy import __version__
from signalpy.cli.new import TEMPLATE

New: TypeAlias = Callable[..., subprocess.CompletedProcess[str]]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def new(tmp_path: Path) -> New:
    """Runs `signalpy new` in an empty folder, as a process without a terminal."""

    def run(*arguments: str, code: str = "") -> subprocess.CompletedProcess[str]:
        command = ["-m", "signalpy"] if not code else ["-c", f"{code}\nfrom signalpy.cli import main\nmain()"]
        return subprocess.run(
            [sys.executable, *command, "new", *arguments],
            cwd=tmp_path, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120, check=False,
        )  # fmt: skip

    return run


def test_what_it_makes(new: New, tmp_path: Path) -> None:
    """A distribution, a package and a component, each named after the one name; no path of this machine is in it."""
    done = new("loyalty-points", "-d", "author=Ada", "-d", 'description=Points for "transfers"')
    assert (0, "") == (done.returncode, done.stderr)
    assert "signalpy-loyalty-points is there" in done.stdout
    folder = tmp_path / "signalpy-loyalty-points"
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    assert ("signalpy-loyalty-points", 'Points for "transfers"') == (project["name"], project["description"])
    assert {"loyalty-points": "signalpy_loyalty_points:LoyaltyPointsService"} == (
        project["entry-points"]["signalpy.components"]
    )
    assert (folder / "src" / "signalpy_loyalty_points" / "py.typed").is_file()
    assert "Copyright (c) Ada" in (folder / "LICENSE").read_text()
    for file in folder.rglob("*"):
        assert not file.is_file() or str(TEMPLATE.parent) not in file.read_text()
    assert ["signalpy-loyalty-points"] == names(tmp_path)


def test_the_core_that_it_asks_for_is_this_one(new: New, tmp_path: Path) -> None:
    """The range in the metadata holds the version that made it, and its end is the next minor one."""
    new("loyalty")
    project = tomllib.loads((tmp_path / "signalpy-loyalty" / "pyproject.toml").read_text())["project"]
    [line] = [item for item in project["dependencies"] if item.startswith("signalpy-core")]
    asked = SpecifierSet(line.removeprefix("signalpy-core"))
    major, minor = Version(__version__).release[:2]
    assert asked.contains(__version__)
    assert not asked.contains(f"{major}.{minor + 1}.0")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("signalpy-loyalty", "give the component's name alone: signalpy new loyalty"),
        ("Loyalty", "'Loyalty' cannot name a component. Use lower-case letters"),
        ("../up", "'../up' cannot name a component"),
        ("kernel", "the name 'kernel' is taken by the kernel"),
        ("config", "the name 'config' is taken by the kernel"),
    ],
)
def test_a_name_that_cannot_be(new: New, tmp_path: Path, name: str, words: str) -> None:
    """A name that no component can have is refused in one line, before anything is made."""
    done = new(name)
    assert (2, "", 1) == (done.returncode, done.stdout, len(done.stderr.splitlines()))
    assert words in done.stderr
    assert [] == names(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--data", "author"], "expected KEY=VALUE, found 'author'"),
        (["--data", "autor=Ada"], "the template does not ask for 'autor'. Did you mean 'author'?"),
        (["--data", "name=x"], "the name is the command's argument"),
        (["--into", "nowhere"], "there is no folder nowhere"),
        (["--template", "nowhere"], "the template nowhere cannot be used: "),
    ],
)
def test_what_cannot_be_done(new: New, tmp_path: Path, arguments: list[str], words: str) -> None:
    """Wrong options are told in one line, and leave nothing."""
    done = new("loyalty", *arguments)
    assert (2, "", 1) == (done.returncode, done.stdout, len(done.stderr.splitlines())), done.stderr
    assert words in done.stderr
    assert [] == names(tmp_path)


def test_what_exists_is_left_alone(new: New, tmp_path: Path) -> None:
    """A folder of that name, even an empty one, is not touched."""
    (tmp_path / "signalpy-loyalty").mkdir()
    done = new("loyalty")
    assert (2, 1) == (done.returncode, len(done.stderr.splitlines()))
    assert "signalpy-loyalty exists already; nothing was changed" in done.stderr
    assert [] == names(tmp_path / "signalpy-loyalty")


def test_elsewhere(new: New, tmp_path: Path) -> None:
    """`--into` names the folder in which the plugin's own is made."""
    (tmp_path / "plugins").mkdir()
    assert 0 == new("loyalty", "--into", "plugins").returncode
    assert (tmp_path / "plugins" / "signalpy-loyalty" / "README.md").is_file()


def test_without_copier(new: New, tmp_path: Path) -> None:
    """Where copier is not installed one line says what to install."""
    hidden = "import sys\nsys.modules['copier'] = None"
    hidden += "\nimport importlib.util as u\nfound = u.find_spec\n"
    hidden += "u.find_spec = lambda name, *rest: None if name == 'copier' else found(name, *rest)"
    done = new("loyalty", code=hidden)
    assert (2, 'signalpy: the template needs copier. Run: pip install "signalpy-core[new]"\n') == (
        done.returncode, done.stderr
    )  # fmt: skip
    assert [] == names(tmp_path)


def test_a_template_that_breaks_leaves_nothing(new: New, tmp_path: Path) -> None:
    """If a template of somebody else fails halfway, neither a folder nor a draft is left."""
    template = tmp_path / "template"
    template.mkdir()
    (template / "copier.yml").write_text("name: x\n")
    (template / "first.txt").write_text("first")
    (template / "second.txt.jinja").write_text("{{ nothing.at.all }}")
    done = new("loyalty", "--template", str(template))
    assert (2, 1) == (done.returncode, len(done.stderr.splitlines()))
    assert f"the template {template} cannot be used: " in done.stderr
    assert ["template"] == names(tmp_path)


def test_commands_of_a_template_run_only_if_trusted(new: New, tmp_path: Path) -> None:
    """A template that brings commands is refused, until the author says that it is good."""
    template = tmp_path / "template"
    template.mkdir()
    (template / "copier.yml").write_text("name: x\n_tasks:\n  - [touch, made-by-a-command]\n")
    (template / "made.txt.jinja").write_text("{{ name }}")
    done = new("loyalty", "--template", str(template))
    assert (2, 1) == (done.returncode, len(done.stderr.splitlines()))
    assert "wants to run commands of its own. Read them, and give --trust" in done.stderr
    assert ["template"] == names(tmp_path)
    assert 0 == new("loyalty", "--template", str(template), "--trust").returncode
    assert ["made-by-a-command", "made.txt"] == names(tmp_path / "signalpy-loyalty")
    assert "loyalty" == (tmp_path / "signalpy-loyalty" / "made.txt").read_text()


def test_it_is_copier_that_is_imported_late() -> None:
    """The command's own module, which its help needs, does not import copier."""
    code = "import sys, signalpy.cli.new; assert 'copier' not in sys.modules and 'pydantic' not in sys.modules"
    assert 0 == subprocess.run([sys.executable, "-c", code], check=False).returncode
