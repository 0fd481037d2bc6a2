"""`signalpy run` reads its file again: when it changes, on SIGHUP, with and without watchfiles; a wrong one is told."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Serving, Site

TOLD = """
from pydantic import BaseModel
from signalpy import component, hookimpl, lifecycle

class Settings(BaseModel):
    limit: int = 0

@component("told", settings=Settings)
class Told:
    @lifecycle.reconfigure
    def reconfigure(self, old, new):
        self.rt.log.warning("limit was %d and is %d", old.limit, new.limit)

    @hookimpl(on_error="deny")
    async def signalpy_invoke(self, call, proceed):
        return await proceed()

    @hookimpl
    def signalpy_policy_changed(self, before, after, actor):
        self.rt.log.warning("policies by %s: %s", actor, after)
"""


ALLOW = '[plugins]\nallow = ["acme-told"]\n'
ONE = ALLOW + "[told]\nlimit = 1\n"


@pytest.fixture
def start(site: Site, serving: Callable[..., Serving]) -> Callable[..., Serving]:
    """Starts a process with one component that tells of what it is told, and waits until it serves."""
    site.install(
        "acme-told",
        entry_points="[signalpy.components]\ntold = acme_told:Told\n",
        modules={"acme_told.py": TOLD},
    )
    (site.root.parent / "signalpy.toml").write_text(ONE)

    def started(*arguments: str, **environ: str) -> Serving:
        process = serving(*arguments, **environ)
        process.until("running: ")
        return process

    return started


@pytest.fixture
def process(start: Callable[..., Serving]) -> Serving:
    return start()


def test_a_changed_file_is_put_in_force(process: Serving) -> None:
    """Settings reach the component's reconfigure, policies those who are told, with the file as the actor."""
    process.write(ALLOW + '[told]\nlimit = 2\n[policy.told]\naudit = "full"\n')
    assert process.until("policies by").endswith("policies by file: {'told': {'audit': 'full'}}")
    assert process.until("limit was").endswith("limit was 1 and is 2")
    assert process.until("reloaded ").endswith("signalpy.toml: policies of told; settings of told")
    assert 0 == process.stop()


def test_a_changed_word_on_interceptors_is_put_in_force(process: Serving) -> None:
    """At once; what it opens that the author keeps shut is a warning."""
    process.write(ONE + '[kernel.hooks.told]\non_error = "isolate"\n')
    assert "hook told 1.0 of acme-told (signalpy_invoke) is passed over when it fails" in process.until("passed over")
    assert process.until("reloaded ").endswith("signalpy.toml: kernel.hooks")
    assert 0 == process.stop()


def test_a_file_that_is_written_in_place_is_read_once_it_is_whole(process: Serving) -> None:
    """Half of a file that is still being written is not taken for the whole."""
    with process.file.open("w") as file:
        for piece in ("[plugins]\nallow = ", '["acme-told"]\n[told]\n', "limit = 7\n"):
            file.write(piece)
            file.flush()
            time.sleep(0.02)
    assert process.until("limit was").endswith("limit was 1 and is 7")


def test_sighup_reads_it_again(process: Serving) -> None:
    """Also when nothing has changed, which is told."""
    process.send(signal.SIGHUP)
    assert process.until("reloaded ").endswith("signalpy.toml: nothing changed")
    assert 0 == process.stop()


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("[told]\nlimit = 'many'\n", "[told] limit"),
        ("[kernel.hooks.told]\non_error = 'pass'\n", "[kernel.hooks.told] on_error: expected"),
        ("[policy.told]\naudti = true\n", "unknown key 'audti'. Did you mean 'audit'?"),
        ("[told\n", "this is not TOML"),
    ],
)
def test_a_wrong_file_changes_nothing_and_is_told(process: Serving, wrong: str, told: str) -> None:
    """An error in the log; the process goes on as it was, and takes the next good file."""
    process.write(ALLOW + wrong)
    line = process.until("reload refused, what was in force stays: ")
    assert " ERROR " in line
    assert told in line
    process.write(ALLOW + "[told]\nlimit = 3\n")
    assert process.until("limit was").endswith("limit was 1 and is 3")


def test_what_cannot_change_while_it_runs_is_told_in_a_line(process: Serving) -> None:
    """The kernel's own settings count from the next start, the deadline apart."""
    process.write(ALLOW + '[told]\nlimit = 1\n[kernel]\nqueue_size = 5\nsocket = "x"\nshutdown_deadline = 3\n')
    assert process.until("counts from the next start").endswith(
        "configuration: kernel.queue_size, kernel.socket changed and counts from the next start"
    )
    assert "kernel.shutdown_deadline; kernel.queue_size, kernel.socket from the next start on" in process.until(
        "reloaded"
    )


def test_a_file_that_goes_and_comes_back(process: Serving) -> None:
    """What was in force stays while there is no file."""
    process.file.unlink()
    assert " ERROR " in process.until("is gone or cannot be read")
    process.write(ALLOW + "[told]\nlimit = 4\n")
    assert process.until("limit was").endswith("limit was 1 and is 4")


def test_the_options_of_the_start_hold_after_a_reload(start: Callable[..., Serving]) -> None:
    """What was left out stays out, and a reload does not speak of it."""
    process = start("--safe")
    process.send(signal.SIGHUP)
    assert process.until("reloaded ").endswith("nothing changed")
    assert 0 == process.stop()


def test_without_watchfiles_the_file_is_looked_at(site: Site, start: Callable[..., Serving]) -> None:
    """The optional library makes it prompt, not possible; that is said once."""
    (site.root / "watchfiles.py").write_text("raise ImportError('not installed')\n")
    process = start()
    assert process.until("watchfiles is not installed").endswith("pip install signalpy-core[watch]")
    process.write(ALLOW + "[told]\nlimit = 2\n")
    assert process.until("limit was").endswith("limit was 1 and is 2")
    assert 0 == process.stop()


def test_without_a_file_there_is_nothing_to_read(site: Site, serving: Callable[..., Serving]) -> None:
    """SIGHUP does not end the process, and is told to be of no use."""
    process = serving(SIGNALPY__PLUGINS__ALLOW="[]")
    process.until("running")
    process.send(signal.SIGHUP)
    process.until("there is no configuration file to reload")
    assert 0 == process.stop()
