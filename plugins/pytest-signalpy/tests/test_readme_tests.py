"""The tests that the README shows are tests."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

README = (Path(__file__).resolve().parent.parent / "README.md").read_text()


@pytest.mark.parametrize("block", re.findall(r"^```py\n(.*?)^```$", README, re.DOTALL | re.MULTILINE))
def test_they_pass(pytester: pytest.Pytester, block: str) -> None:
    """Each block is a test module that passes as it stands, with warnings as errors."""
    pytester.makepyfile(block)
    asyncio = ["-o", "asyncio_mode=auto", "-o", "asyncio_default_fixture_loop_scope=function"]
    result = pytester.runpytest_inprocess("-W", "error", "-p", "no:cacheprovider", *asyncio)
    assert 0 == result.ret
    result.assert_outcomes(passed=block.count("def test_"))
