"""What holds over all distributions: metadata that agree, lists that name all of them, set-up lines to paste."""

import configparser
import re
import runpy
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
MEMBERS = runpy.run_path(str(ROOT / ".ci" / "workspace.py"))["distributions"]()
NAMES = {member.name for member in MEMBERS}
SCENARIO = {"signalpy-core", "signalpy-accounts", "signalpy-notifications", "signalpy-audit-trail"}

each_member = pytest.mark.parametrize("member", MEMBERS, ids=lambda member: member.name)


def toml(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text())


def marked_lines(mark: str) -> list[str]:
    """The lines of the fenced block that follows a marker in the README."""
    found = re.search(rf"<!-- setup: {mark} -->\s*```\w*\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert found, f"README.md has no fenced block after 'setup: {mark}'"
    return [line for line in found[1].splitlines() if line.strip()]


def members_named_in(text: str) -> set[str]:
    """The members whose folders a text names as local paths."""
    return {member.name for member in MEMBERS if re.search(rf"/{re.escape(member.folder.name)}(?![\w-])", text)}


def environment(line: str) -> str:
    """The folder of the virtual environment that a set-up line makes."""
    found = re.match(r"python3 -m venv --clear (\S+) && ", line)
    assert found, f"expected the line to begin with making its own environment, found {line!r}"
    return found[1]


@pytest.mark.parametrize("mark", ["run", "test"])
def test_a_set_up_block_is_one_line(mark: str) -> None:
    """Each marked block of the README holds exactly one line."""
    assert len(marked_lines(mark)) == 1


def test_the_set_up_lines_use_environments_of_their_own() -> None:
    """The two lines share no environment, and git sees neither."""
    names = [environment(marked_lines(mark)[0]) for mark in ("run", "test")]
    assert len(set(names)) == 2
    ignored = subprocess.run(
        ["git", "check-ignore", "--no-index", *(f"{name}/" for name in names)], cwd=ROOT, capture_output=True, text=True
    )
    assert ignored.stdout.split() == [f"{name}/" for name in names]


def test_the_run_line_installs_the_scenario() -> None:
    """The first line installs the four distributions of the scenario and no other."""
    assert members_named_in(marked_lines("run")[0]) == SCENARIO


def test_the_test_line_installs_every_member() -> None:
    """The second line installs every distribution of the workspace."""
    assert members_named_in(marked_lines("test")[0]) == NAMES


@each_member
def test_metadata_agree(member: Any) -> None:
    """Version, licence, authors and Python range are the same in every distribution."""
    project = member.project
    assert project["version"] == "0.1.0"
    assert (project["license"], project["license-files"]) == ("MIT", ["LICENSE"])
    assert project["authors"] == [{"name": "SignalPy contributors"}]
    assert project["requires-python"] == toml(ROOT / "pyproject.toml")["project"]["requires-python"]


@each_member
def test_a_distribution_carries_its_own_papers(member: Any) -> None:
    """Licence, readme, a changelog that has an entry for the version, and the mark of typed code."""
    assert (member.folder / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert (member.folder / "README.md").read_text().startswith(f"# {member.name}\n")
    assert f"## [{member.project['version']}]" in (member.folder / "CHANGELOG.md").read_text()
    assert (member.package / "py.typed").is_file()


@each_member
def test_the_folder_and_import_name_follow_the_distribution(member: Any) -> None:
    """A plugin's import name is its name with underscores; core alone imports as `signalpy`."""
    assert member.folder.name == member.name
    expected = "signalpy" if member.name == "signalpy-core" else member.name.replace("-", "_")
    assert member.package.name == expected


@each_member
def test_the_dependency_arrow_points_at_core(member: Any) -> None:
    """A plugin takes core by a range with both ends, core takes no member, and no plugin takes another."""
    requirements = {canonicalize_name(each.name): each for each in map(Requirement, member.project["dependencies"])}
    ours = requirements.keys() & NAMES
    if member.name == "signalpy-core":
        assert not ours
    else:
        assert ours == {"signalpy-core"}
        assert {each.operator for each in requirements["signalpy-core"].specifier} == {">=", "<"}


@each_member
def test_the_workspace_installs_what_a_members_tests_need(member: Any) -> None:
    """The root's test group holds every requirement of a member's own test group, but the members themselves."""
    wanted = toml(member.folder / "pyproject.toml")["dependency-groups"]["test"]
    own = {line for line in wanted if canonicalize_name(Requirement(line).name) not in NAMES}
    assert own - set(toml(ROOT / "pyproject.toml")["dependency-groups"]["test"]) == set()


def test_the_tools_know_every_member() -> None:
    """uv, mypy, coverage, ruff, import-linter and tox each name all members: a new one is added to each list."""
    root = toml(ROOT / "pyproject.toml")
    tool = root["tool"]
    packages = {member.package.name for member in MEMBERS}
    sources = {str((member.folder / "src").relative_to(ROOT)) for member in MEMBERS}
    independent = next(each for each in tool["importlinter"]["contracts"] if each["type"] == "independence")
    assert NAMES == set(root["project"]["dependencies"]) == set(tool["uv"]["sources"])
    assert sources == set(tool["mypy"]["mypy_path"].split(":"))
    assert packages == set(tool["coverage"]["run"]["source_pkgs"])
    assert packages == set(tool["ruff"]["lint"]["isort"]["known-first-party"])
    assert packages == set(tool["importlinter"]["root_packages"]) == {"signalpy", *independent["modules"]}
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini")
    for section in ("testenv", "testenv:types"):
        assert members_named_in(tox[section]["deps"]) == NAMES
    (wheels,) = (section for section in tox.sections() if section.startswith("testenv:wheel-"))
    assert set(re.findall(r"DISTRIBUTION = (\S+)", tox[wheels]["set_env"])) == NAMES


def test_nothing_kept_is_ignored() -> None:
    """No tracked file matches .gitignore, which the builds follow too: such a file would be missing from the wheels."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--ignored", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert listed.stdout == ""


def test_the_checks_script_can_be_run() -> None:
    """`.ci/run` is executable and well-formed."""
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    assert subprocess.run(["bash", "-n", script], capture_output=True, text=True).stderr == ""


def test_a_package_from_elsewhere_is_not_what_is_installed(tmp_path: Path) -> None:
    """`.ci/outside.py` names what was tested and does not come from the environment, though the tests passed."""
    (tmp_path / "signalpy_stray.py").write_text("")
    (tmp_path / "test_it.py").write_text("def test_it():\n    import signalpy_stray\n")
    command = [sys.executable, "-P", ROOT / ".ci" / "outside.py", "-q", "-p", "no:cacheprovider", "-o", "pythonpath=."]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert 1 == done.returncode
    assert "1 passed" in done.stdout
    assert "signalpy_stray.py" in done.stderr
