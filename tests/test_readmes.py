"""The examples of every README run as they stand and print what the README says."""

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
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
