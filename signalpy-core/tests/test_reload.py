"""A changed configuration: what is told, what is replaced, and what stays when it is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from signalpy import ConfigError, Kernel, LifecycleError, PolicyError, component, lifecycle, runnable


class Settings(BaseModel):
    limit: int = 1


@component("told", version="1", settings=Settings)
class Told:
    rt: Any

    def __init__(self) -> None:
        self.changes: list[tuple[int, int]] = []

    @lifecycle.reconfigure
    async def changed(self, old: Settings, new: Settings) -> None:
        if new.limit < 0:
            raise ValueError("below zero")
        self.changes.append((old.limit, new.limit))

    @runnable("limit")
    def limit(self) -> int:
        return self.rt.settings.limit  # type: ignore[no-any-return]


@component("fresh", version="1", settings=Settings)
class Fresh:
    rt: Any

    @runnable("limit")
    def limit(self) -> int:
        return self.rt.settings.limit  # type: ignore[no-any-return]


def write(path: Path, told: Any, fresh: int, policy: str = "") -> None:
    path.write_text(f"[told]\nlimit = {told}\n[fresh]\nlimit = {fresh}\n{policy}")


async def test_reload_tells_or_replaces_and_keeps_run_time_policies(tmp_path: Path) -> None:
    """reconfigure is called with old and new settings; without one a fresh instance takes the place."""
    file = tmp_path / "signalpy.toml"
    write(file, 1, 1, "[policy.kernel]\ninvoke_deny = ['x.*']\n")
    kernel = Kernel(file)
    kernel.discover([Told, Fresh])
    async with kernel:
        kernel.set_policy("kernel", {"publish_deny": ["y"]})
        told, fresh = kernel.get("told"), kernel.get("fresh")
        write(file, 2, 2, "[policy.kernel]\ninvoke_deny = ['z.*']\n")
        await kernel.reload()
        assert kernel.get("told") is told
        assert kernel.get("fresh") is not fresh
        assert [(1, 2)] == told.changes
        assert (2, 2) == (await kernel.bus.invoke("told.limit"), await kernel.bus.invoke("fresh.limit"))
        assert {"invoke_deny": ["z.*"], "publish_deny": ["y"]} == told.rt.policies()["kernel"]


@pytest.mark.parametrize("wrong", ["[told]\nlimit = 'x'", "[told]\nlimmit = 1", "[policy.a]\naudti = true", "[told"])
async def test_a_wrong_file_changes_nothing(tmp_path: Path, wrong: str) -> None:
    """Settings, policies or syntax: one error, and everything is in force as before."""
    file = tmp_path / "signalpy.toml"
    write(file, 1, 1)
    kernel = Kernel(file)
    kernel.discover([Told])
    async with kernel:
        file.write_text(wrong)
        with pytest.raises((ConfigError, PolicyError)):
            await kernel.reload()
        assert 1 == await kernel.bus.invoke("told.limit")
        assert [] == kernel.get("told").changes


async def test_a_component_that_refuses_its_settings_keeps_the_old_ones() -> None:
    """The refusal is told by name; the others have the new ones."""
    kernel = Kernel({"told": {"limit": 1}, "fresh": {"limit": 1}})
    kernel.discover([Told, Fresh])
    async with kernel:
        with pytest.raises(LifecycleError, match=r"told.*below zero"):
            await kernel.reload({"told": {"limit": -1}, "fresh": {"limit": 7}})
        assert (1, 7) == (await kernel.bus.invoke("told.limit"), await kernel.bus.invoke("fresh.limit"))
