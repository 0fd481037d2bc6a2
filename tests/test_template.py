"""The template of `signalpy new`: what it makes passes its own checks as it is, and follows a template in git."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from signalpy.cli.new import TEMPLATE

GIT = {f"GIT_{who}_{what}": "author@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
ENVIRON = {key: value for key, value in os.environ.items() if not key.startswith(("SIGNALPY", "PYTEST", "PIP", "GIT"))}
ENVIRON |= {**GIT, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}


def run(*command: str | Path, cwd: Path) -> str:
    """What a command that has to succeed printed."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env=ENVIRON,
        capture_output=True,
        text=True,
        timeout=300,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert 0 == done.returncode, (command, done.stdout, done.stderr)
    return done.stdout


def new(name: str, *arguments: str, cwd: Path) -> Path:
    """The folder of a plugin that was made."""
    run(sys.executable, "-m", "signalpy", "new", name, "--defaults", *arguments, cwd=cwd)
    return cwd / f"signalpy-{name}"


def installed(folder: Path) -> Path:
    """A fresh environment in which the plugin is installed, and which sees what is installed beside these tests."""
    environment = folder.parent / "env"
    run(sys.executable, "-m", "venv", environment, cwd=folder)
    scheme = {"base": str(environment), "platbase": str(environment)}
    packages = Path(sysconfig.get_path("purelib", "venv", scheme))
    (packages / "beside.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    python = Path(sysconfig.get_path("scripts", "venv", scheme)) / "python"
    offline = ["--quiet", "--disable-pip-version-check", "--no-index", "--no-build-isolation"]
    run(python, "-m", "pip", "install", *offline, "--editable", ".", cwd=folder)
    return python


def test_a_plugin_that_was_just_made_passes_everything(tmp_path: Path) -> None:
    """Installed in a fresh environment it keeps ruff, mypy strict, its tests and the whole contract."""
    folder = new("loyalty-points", cwd=tmp_path)
    python = installed(folder)
    run(python, "-m", "ruff", "check", "--no-cache", cwd=folder)
    run(python, "-m", "ruff", "format", "--check", "--no-cache", cwd=folder)
    run(python, "-m", "mypy", cwd=folder)
    run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--signalpy-report", "report.json", cwd=folder)
    [plugin] = json.loads((folder / "report.json").read_text())["plugins"]
    assert ("loyalty-points", "signalpy-loyalty-points", "holds") == (
        plugin["component"], plugin["distribution"], plugin["verdict"]
    )  # fmt: skip
    assert {"passed", "does_not_apply"} == {check["outcome"] for check in plugin["checks"]}
    assert "passed" == {check["check"]: check["outcome"] for check in plugin["checks"]}["samples_are_kept"]
    samples = sorted((folder / "tests" / "samples" / "loyalty-points.greeted").iterdir())
    before = [json.loads(path.read_text()) for path in samples]
    for path in samples:
        path.unlink()
    run(python, "-m", "pytest", "-q", "tests/test_samples.py", "--signalpy-write-samples", cwd=folder)
    assert before == [json.loads(path.read_text()) for path in samples]
    said = run(python, "-m", "signalpy", "invoke", "loyalty-points.greet", '{"name": "Ada"}', cwd=folder)
    assert {"greeting": "Hello, Ada!"} == json.loads(said)


@pytest.mark.parametrize("name", ["settings", "2fa", "a-rather-long-name-of-a-component-that-does-much"])
def test_whatever_it_is_called_it_is_in_form(tmp_path: Path, name: str) -> None:
    """Names that collide with what is imported, that begin with a digit, or that are long, give well-formed code."""
    folder = new(name, cwd=tmp_path)
    run(sys.executable, "-m", "ruff", "check", "--no-cache", cwd=folder)
    run(sys.executable, "-m", "ruff", "format", "--check", "--no-cache", cwd=folder)
    source, package = str(folder / "src"), f"signalpy_{name.replace('-', '_')}"
    code = f"import sys; sys.path.insert(0, {source!r}); import {package} as made; print(made.__all__)"
    assert "Service" in run(sys.executable, "-c", code, cwd=folder)


def test_its_workflows_and_settings_are_well_formed(tmp_path: Path) -> None:
    """The workflows are YAML with pinned jobs, and nothing of the template's own language is left in any file."""
    import yaml

    folder = new("loyalty", cwd=tmp_path)
    for file in (folder / ".github" / "workflows").iterdir():
        assert yaml.safe_load(file.read_text())["jobs"]
    for file in folder.rglob("*"):
        if file.is_file() and file.suffix != ".yml":
            assert "{{" not in file.read_text()
            assert "{%" not in file.read_text()


def test_copier_update_follows_a_template_in_git(tmp_path: Path) -> None:
    """A plugin made from a tag of a template is brought up to the next one, and keeps what its author wrote."""
    template = tmp_path / "template"
    shutil.copytree(TEMPLATE, template)
    run("git", "init", "-q", cwd=template)
    run("git", "add", "-A", cwd=template)
    run("git", "commit", "-qm", "first", cwd=template)
    run("git", "tag", "v1", cwd=template)
    folder = new("loyalty", "--template", str(template), "-d", "author=Ada", cwd=tmp_path)
    assert "_commit: v1" in (folder / ".copier-answers.yml").read_text()
    readme = folder / "README.md"
    readme.write_text(readme.read_text() + "\nWritten by the author.\n")
    run("git", "init", "-q", cwd=folder)
    run("git", "add", "-A", cwd=folder)
    run("git", "commit", "-qm", "mine", cwd=folder)

    source = template / "project" / "README.md.jinja"
    source.write_text(source.read_text().replace("## What it offers", "## What {{ name }} offers"))
    (template / "project" / "SECURITY.md.jinja").write_text("Write to {{ author }}.\n")
    run("git", "add", "-A", cwd=template)
    run("git", "commit", "-qm", "second", cwd=template)
    run("git", "tag", "v2", cwd=template)
    run(sys.executable, "-m", "copier", "update", "--defaults", "--quiet", cwd=folder)
    assert "_commit: v2" in (folder / ".copier-answers.yml").read_text()
    assert "Write to Ada.\n" == (folder / "SECURITY.md").read_text()
    assert "## What loyalty offers" in readme.read_text()
    assert readme.read_text().endswith("\nWritten by the author.\n")
    changed = run("git", "status", "--porcelain", cwd=folder).split()[1::2]
    assert {".copier-answers.yml", "README.md", "SECURITY.md"} == set(changed)
