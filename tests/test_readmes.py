"""The examples of every README run as they stand and print what the README says."""

import json
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from signalpy.configuration import KernelSettings, PluginSettings, load

ROOT = Path(__file__).resolve().parent.parent
CONFIGURATION = re.compile(r"^```toml\n(?!\[project)(.*?)^```$", re.DOTALL | re.MULTILINE)
EXAMPLE = re.compile(r"^```python\n(?P<code>.*?)^```\n+^```text\n(?P<output>.*?)^```$", re.DOTALL | re.MULTILINE)


def readmes() -> list[str]:
    """The READMEs of the workspace and of each distribution, relative to the root."""
    members = runpy.run_path(str(ROOT / ".ci" / "workspace.py"))["distributions"]()
    return [str((folder / "README.md").relative_to(ROOT)) for folder in (ROOT, *(each.folder for each in members))]


@pytest.mark.parametrize("readme", readmes())
def test_an_example_prints_what_the_readme_says(readme: str, tmp_path: Path) -> None:
    """Every README has an example, and each prints the block that follows it."""
    examples = list(EXAMPLE.finditer((ROOT / readme).read_text()))
    assert examples
    for example in examples:
        done = subprocess.run(
            [sys.executable, "-c", example["code"]], cwd=tmp_path, capture_output=True, text=True, timeout=60
        )
        assert (example["output"], 0) == (done.stdout, done.returncode), done.stderr


@pytest.mark.parametrize("readme", readmes())
def test_every_python_block_has_its_output(readme: str) -> None:
    """No Python block of a README goes unchecked for want of an output block."""
    text = (ROOT / readme).read_text()
    assert text.count("```python\n") == len(EXAMPLE.findall(text))


@pytest.mark.parametrize("readme", readmes())
def test_a_configuration_that_is_shown_is_one(readme: str, tmp_path: Path) -> None:
    """The kernel reads it, and each component has the settings that its table has."""
    for block in CONFIGURATION.findall((ROOT / readme).read_text()):
        path = tmp_path / "signalpy.toml"
        path.write_text(block)
        for name, table in load(path, environ={}).tables.items():
            command = [sys.executable, "-m", "signalpy", "describe", name, "--json"]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
            assert table.keys() == json.loads(done.stdout)["settings"]["properties"].keys()


def test_the_kernels_configuration_is_shown_with_its_defaults(tmp_path: Path) -> None:
    """The README of the core leaves the kernel as it is without a file, the policies apart."""
    [block] = CONFIGURATION.findall((ROOT / "signalpy-core" / "README.md").read_text())
    (tmp_path / "signalpy.toml").write_text(block)
    shown = load(tmp_path / "signalpy.toml", environ={})
    assert KernelSettings() == shown.kernel
    assert PluginSettings(lockfile=str(tmp_path / "signalpy.lock")) == shown.plugins
