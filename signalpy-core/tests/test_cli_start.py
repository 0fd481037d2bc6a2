"""What `run`, `invoke`, `plugins --boot` and `why --boot` start: leaving out, the safe start, one-file plugins."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Site

GREETER = """
from dataclasses import dataclass
from signalpy import component, runnable


@component("greeter", version="3.0")
class Greeter:
    @runnable("hello")
    def hello(self):
        return "hello"


class Plain: ...


number = 7
"""

LATE = """
from __future__ import annotations
from pydantic import BaseModel
from signalpy import component, runnable


class Params(BaseModel):
    inner: Inner


class Inner(BaseModel):
    n: int


@component("late")
class Late:
    @runnable("n", params=Params)
    def n(self, params):
        return params.inner.n
"""

ONLY = '[plugins]\nallow = ["acme-*"]\n'


@pytest.fixture
def two(site: Site) -> Site:
    """Two components, of which importing the first leaves a mark, and a file with a third."""
    site.component("acme-marked", "marked")
    site.install(
        "acme-plain",
        entry_points="[signalpy.components]\nplain = acme_plain:Plain\n",
        modules={
            "acme_plain.py": "from signalpy import component\n\n@component('plain', version='1')\nclass Plain: ...\n"
        },
    )
    (site.root.parent / "signalpy.toml").write_text(ONLY)
    (site.root.parent / "greeter.py").write_text(GREETER)
    return site


def error(result: subprocess.CompletedProcess[str]) -> str:
    """The one line on stderr of a command that could not run."""
    assert 2 == result.returncode, result
    [line] = result.stderr.splitlines()
    return line


def states(site: Site, *arguments: str) -> dict[str, tuple[str, str]]:
    """State and reason of every component of the site once it has booted."""
    result = site.signalpy("plugins", "--boot", "--json", *arguments)
    assert 0 == result.returncode, result.stderr
    rows = json.loads(result.stdout)
    return {
        row["name"]: (row["state"], row["reason"]) for row in rows if (row["distribution"] or "acme").startswith("acme")
    }


class TestWithout:
    def test_a_component_is_left_out_and_never_imported(self, two: Site) -> None:
        """It is denied for this start, with the option as the reason; the others are active."""
        assert {"marked": ("denied", "left out by --without marked"), "plain": ("active", "")} == states(
            two, "--without", "marked"
        )
        assert not two.imported

    def test_a_distribution_a_pattern_or_several(self, two: Site) -> None:
        """What is named may be a distribution, or a pattern, and the option may be repeated."""
        assert "left out by --without Acme_Marked" == states(two, "--without", "Acme_Marked")["marked"][1]
        assert {"denied"} == {state for state, _ in states(two, "--without", "marked", "--without", "pl*").values()}
        assert not two.imported

    def test_a_name_that_nothing_has(self, two: Site) -> None:
        """A misspelt name would leave the wrong one running: it is an error with the nearest name."""
        assert (
            "signalpy: --without plian: nothing of this name is installed. Did you mean 'plain'?"
            == error(two.signalpy("run", "--without", "plian"))
        )  # fmt: skip
        assert not two.imported

    def test_what_is_built_in_stays(self, two: Site) -> None:
        """The component config cannot be left out."""
        assert "--without config: it is built in" in error(two.signalpy("run", "--without", "config"))

    def test_what_the_configuration_requires_is_not_left_out(self, two: Site) -> None:
        """The file says that nothing starts without it: the contradiction is told, with both ways out."""
        (two.root.parent / "signalpy.toml").write_text(ONLY + 'required = ["plain"]\n')
        told = error(two.signalpy("run", "--without", "acme-plain"))
        assert "plain stands in [plugins] required" in told
        assert "--safe" in told

    def test_what_calls_itself_essential_is_left_out_with_a_warning(self, two: Site) -> None:
        """Its distribution is not asked, and the loss is told."""
        two.component("acme-vital", "vital", extra="[signalpy.essential]\nvital = acme_vital:Service\n")
        result = two.signalpy("invoke", "marked.ping", "--without", "vital")
        assert (0, '"pong from marked"\n') == (result.returncode, result.stdout)
        assert "warning: vital: its distribution acme-vital calls it essential" in result.stderr

    def test_without_boot_it_makes_no_sense(self, two: Site) -> None:
        """Reading metadata starts nothing."""
        assert "go with --boot" in error(two.signalpy("why", "plain", "--without", "plain"))


class TestSafe:
    def test_nothing_installed_is_imported(self, two: Site) -> None:
        """Every plugin is denied; what the configuration requires is not required."""
        (two.root.parent / "signalpy.toml").write_text(ONLY + 'required = ["marked"]\n')
        assert {("denied", "left out by --safe")} == set(states(two, "--safe").values())
        assert not two.imported

    def test_it_runs(self, two: Site) -> None:
        """The process serves with what is built in, until it is told to stop."""
        process = subprocess.Popen(
            [sys.executable, "-m", "signalpy", "run", "--safe"],
            cwd=two.root.parent,
            env={"PYTHONPATH": str(two.root), "PATH": ""},
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        assert "running: config\n" == process.stderr.readline().partition("signalpy.cli: ")[2]
        process.terminate()
        assert "stopped" in process.communicate(timeout=30)[1]
        assert 0 == process.returncode
        assert not two.imported

    def test_a_call_that_needs_a_plugin_says_why_not(self, two: Site) -> None:
        """The reason is the option."""
        assert "left out by --safe" in error(two.signalpy("invoke", "marked.ping", "--safe"))


class TestOneFile:
    def test_it_is_a_component_like_any_other(self, two: Site) -> None:
        """Called, listed, and also under --safe."""
        result = two.signalpy("invoke", "greeter.hello", "--safe", "--plugin", "greeter.py:Greeter")
        assert (0, '"hello"\n', "") == (result.returncode, result.stdout, result.stderr)
        assert ("active", "") == states(two, "--plugin", "greeter.py:Greeter")["greeter"]

    def test_it_beats_an_installed_one(self, two: Site) -> None:
        """The installed component of its name is not imported."""
        file = two.root.parent / "mine.py"
        file.write_text(GREETER.replace("greeter", "marked"))
        result = two.signalpy("invoke", "marked.hello", "--plugin", f"{file}:Greeter")
        assert (0, '"hello"\n') == (result.returncode, result.stdout)
        assert not two.imported

    @pytest.mark.parametrize(
        ("reference", "told"),
        [
            ("greeter.py", "expected FILE:CLASS, such as clock.py:Clock"),
            ("nowhere.py:Greeter", "nowhere.py: there is no such file"),
            ("site:Greeter", "site: it is no file"),
            ("signalpy.toml:Greeter", "signalpy.toml is no Python file; its name must end in .py"),
            ("greeter.py:Greter", "greeter.py has no class 'Greter'. Did you mean 'Greeter'?"),
            ("greeter.py:Nothing", "greeter.py has no class 'Nothing'. It has: Greeter."),
            ("greeter.py:Plain", "Plain is no component. Put @component"),
            ("greeter.py:number", "expected a component class, found int"),
            ("broken.py:Greeter", "running broken.py failed: ZeroDivisionError: division by zero (line 2)"),
            ("syntax.py:Greeter", "running syntax.py failed: SyntaxError: "),
            ("exit.py:Greeter", "running exit.py failed: SystemExit: 3"),
        ],
    )
    def test_what_cannot_be_used_is_told_in_a_line(self, two: Site, reference: str, told: str) -> None:
        """Nothing is started then."""
        folder = two.root.parent
        (folder / "broken.py").write_text("x = 0\n1 / x\n")
        (folder / "syntax.py").write_text("def (\n")
        (folder / "exit.py").write_text("raise SystemExit(3)\n")
        line = error(two.signalpy("run", "--plugin", reference))
        assert line.startswith(f"signalpy: --plugin {reference}: ")
        assert told in line
        assert not two.imported

    def test_it_may_use_dataclasses_with_late_annotations(self, two: Site) -> None:
        """The module is where those look that resolve annotations by its name."""
        (two.root.parent / "files").mkdir()
        (two.root.parent / "files" / "json.py").write_text(LATE)
        result = two.signalpy("invoke", "late.n", '{"inner": {"n": 3}}', "--plugin", "files/json.py:Late")
        assert (0, "3\n") == (result.returncode, result.stdout), result.stderr


class TestRefused:
    def test_target_and_rule_are_told(self, two: Site) -> None:
        """By a policy, and where an actor is missing."""
        (two.root.parent / "signalpy.toml").write_text(ONLY + '[policy.kernel]\ninvoke_deny = ["marked.*"]\n')
        result = two.signalpy("invoke", "marked.ping")
        assert 1 == result.returncode
        assert 'kernel may not invoke marked.ping: policy "kernel": invoke_deny "marked.*"' in result.stderr
        (two.root.parent / "signalpy.toml").write_text(ONLY + '[policy."*"]\nrequire_actor = true\n')
        result = two.signalpy("invoke", "marked.ping")
        assert 1 == result.returncode
        assert "marked.ping" in result.stderr
        assert "require_actor" in result.stderr

    def test_an_interceptors_refusal_too(self, two: Site) -> None:
        """Its words are its own; target and rule are added."""
        (two.root.parent / "limit.py").write_text(
            "from signalpy import component, hookimpl, Refused\n"
            "@component('limit')\nclass Limit:\n    @hookimpl\n    async def signalpy_invoke(self, call, proceed):\n"
            "        raise Refused('not today', rule='weekdays')\n"
        )
        result = two.signalpy("invoke", "marked.ping", "--plugin", "limit.py:Limit")
        assert 1 == result.returncode
        assert "signalpy: marked.ping: not today (rule: weekdays)" in result.stderr.splitlines()
