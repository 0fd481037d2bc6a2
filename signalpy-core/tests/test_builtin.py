"""The built-in component `config`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from signalpy import Kernel, component, requires
from signalpy.configuration import load
from signalpy.states import State

if TYPE_CHECKING:
    from signalpy.builtin import ConfigComponent


@component("reader")
@requires(config="IConfig")
class Reader:
    rt: Any


def config_of(kernel: Kernel) -> ConfigComponent:
    """What a component gets that requires IConfig."""
    found: ConfigComponent = kernel.get("reader").rt.config
    assert found is kernel.get("config")
    return found


def kernel_with(tree: dict[str, Any]) -> Kernel:
    kernel = Kernel(config=load(tree, environ={}))
    kernel.discover([Reader])
    return kernel


async def test_any_component_reads_any_key() -> None:
    """Who asks for IConfig reads dotted keys, with a default for what is not there."""
    async with kernel_with({"reader": {"limits": {"per-day": 3}}}) as kernel:
        config = config_of(kernel)
        assert 3 == config.get("reader.limits.per-day")
        assert {"per-day": 3} == config.get("reader.limits")
        assert None is config.get("reader.limits.per-week")
        assert 7 == config.get("nothing.at.all", 7)


async def test_nobody_can_change_it() -> None:
    """What it gives is a copy."""
    async with kernel_with({"reader": {"names": ["a"]}}) as kernel:
        config_of(kernel).get("reader.names").append("b")
        assert ["a"] == config_of(kernel).get("reader.names")


@pytest.mark.parametrize("plugins", [{"deny": ["*"]}, {"allow": []}, {"allow": ["config"], "deny": ["config"]}])
async def test_it_is_there_whatever_is_denied(plugins: dict[str, Any]) -> None:
    """An installed core always has its config, also where the operator lets nothing in."""
    kernel = Kernel(config=load({"plugins": plugins}, environ={}))
    kernel.discover()
    async with kernel:
        states = {row.name: row for row in kernel.plugins()}
        assert (State.ACTIVE, "signalpy-core") == (states["config"].state, states["config"].distribution)
