"""``signalpy doctor`` as a process, over distributions that tell if they are imported."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from signalpy.configuration import load
from signalpy.discovery.installed import Reading, read
from signalpy.doctor import OFFLINE, Examined, examine
from signalpy.doctor.live import CHECKS
from signalpy.doctor.startup import code_at_startup

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Serving, Site

GUARD = """
from pydantic import BaseModel
from signalpy import component, hookimpl, runnable


class Settings(BaseModel):
    limit: int = 1


@component("guard", version="1.0", settings=Settings, emits=["guard.*"])
class Guard:
    @runnable("look", description="Looks")
    async def look(self): ...

    @hookimpl(targets=["guard.look", "guard.lok"], on_error="deny")
    async def signalpy_invoke(self, call, proceed):
        return await proceed()

    @hookimpl(targets=["guard.seen", "orders.*"])
    async def signalpy_publish(self, event, proceed):
        return await proceed()
"""


@pytest.fixture
def shop(site: Site) -> Site:
    """One plugin in good order, and nothing else that is let in."""
    site.component("acme-orders", "orders", metadata="Requires-Dist: signalpy-core>=0.1\n")
    configure(site)
    return site


def configure(site: Site, text: str = "", *, plugins: str = "") -> None:
    (site.root.parent / "signalpy.toml").write_text(f'[plugins]\nallow = ["acme-*"]\n{plugins}\n{text}')


def examined(site: Site, *arguments: str, code: int = 1, **environ: str) -> dict[str, Any]:
    done = site.signalpy("doctor", "--json", *arguments, **environ)
    assert code == done.returncode, done.stdout + done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def problems(site: Site, check: str, *arguments: str) -> list[tuple[str, str]]:
    """Subject and message of each problem that one check found; there is at least one, of whatever check."""
    told = examined(site, *arguments)
    assert check in told["made"]
    assert arguments or not site.imported
    return [
        (item["subject"], item["message"])
        for item in told["findings"]
        if (item["check"], item["level"]) == (check, "problem")
    ]


class TestHealthy:
    def test_nothing_is_wrong(self, shop: Site) -> None:
        """Exit code 0, and a line that says how much was looked at, and what was not."""
        done = shop.signalpy("doctor")
        assert 0 == done.returncode, done.stdout
        assert "no problems, " in done.stdout
        assert "14 checks made\n" in done.stdout
        expected = "not made: states, interceptors, loaded, settings: needs the plugins' code: signalpy doctor --boot\n"
        assert done.stdout.endswith(expected)
        assert not shop.imported

    def test_json(self, shop: Site) -> None:
        """The same for programs: four keys, and four of each finding."""
        told = examined(shop, code=0)
        assert ["healthy", "findings", "made", "not_made"] == list(told)
        assert told["healthy"]
        assert all(["check", "level", "subject", "message"] == list(item) for item in told["findings"])
        assert {"note"} == {item["level"] for item in told["findings"]}
        assert {"states", "interceptors", "loaded", "settings"} == set(told["not_made"])

    def test_with_boot_every_check_is_made(self, shop: Site) -> None:
        """A kernel that has started leaves nothing unchecked."""
        told = examined(shop, "--boot", code=0)
        assert ({}, 18) == (told["not_made"], len(told["made"]))


class TestEntries:
    def test_broken_metadata(self, shop: Site) -> None:
        """A distribution that cannot be read is named, and does not keep the others from being looked at."""
        (shop.component("acme-broken", "broken") / "METADATA").write_bytes(b"\xff\xfe\x00")
        [(subject, message)] = problems(shop, "metadata")
        assert "acme-broken" == subject
        assert "broken metadata, passed over" in message

    def test_a_misspelt_group(self, shop: Site) -> None:
        """A group that nobody reads and that looks like one that is read."""
        shop.install("acme-y", entry_points="[signalpy.component]\ny = acme_y:Y\n")
        [(_, message)] = problems(shop, "metadata")
        assert "signalpy.component, which nobody reads. Did you mean 'signalpy.components'" in message

    def test_a_collision(self, shop: Site) -> None:
        """Two that claim a name, of components and of commands."""
        for name in ("acme-one", "acme-two"):
            shop.component(name, "twice", extra=f"[signalpy.commands]\ntools = {name.replace('-', '_')}:tools\n")
        assert ["twice", "twice"] == [subject for subject, _ in problems(shop, "components")]
        [(_, message)] = problems(shop, "commands")
        assert "acme-one and acme-two claim 'tools'" in message or "acme-two and acme-one claim 'tools'" in message

    def test_incompatible(self, shop: Site) -> None:
        """What does not fit this core, with what it needs, and the commands that go with it."""
        shop.component(
            "acme-new",
            "new",
            metadata="Requires-Dist: signalpy-core>=99\n",
            extra="[signalpy.commands]\nnew = acme_new:new\n",
        )
        [(subject, message)] = problems(shop, "components")
        assert "new" == subject
        assert message.startswith("incompatible: it needs signalpy-core>=99, found ")
        assert ["new"] == [subject for subject, _ in problems(shop, "commands")]

    def test_denied_and_required(self, shop: Site) -> None:
        """What the configuration denies and requires, and what it requires that is not there."""
        configure(shop, plugins='deny = ["orders"]\nrequired = ["orders", "ordres"]')
        assert [
            ("orders", "nothing starts without it, and it is denied: [plugins] deny has 'orders'"),
            ("ordres", "it is required and not installed, so nothing starts. See: signalpy why ordres"),
        ] == problems(shop, "required")

    def test_a_requirement_that_is_not_met(self, shop: Site) -> None:
        """What a plugin needs of others, in the version it needs; extras and markers that do not count are left out."""
        lines = ("click>=99", "acme-missing", "acme-extra; extra == 'x'", "acme-old; python_version < '3'", "click")
        shop.component("acme-needy", "needy", metadata="".join(f"Requires-Dist: {line}\n" for line in lines))
        first, second = problems(shop, "requirements")
        assert ("acme-needy", "it needs acme-missing, which is not installed. Install it: pip install acme-needy") == (
            second
        )
        assert first[1].startswith("it needs click>=99, and 8.")


class TestFiles:
    def test_an_edited_file(self, shop: Site) -> None:
        """A hand-edited module of a plugin is found without any lock file."""
        (shop.root / "acme_orders.py").write_text("# changed")
        [(subject, message)] = problems(shop, "files")
        assert ("acme-orders", True) == (subject, message.startswith("changed after it was installed: acme_orders.py"))

    def test_the_lock_file(self, shop: Site) -> None:
        """Where there is one its differences are told, whether or not a boot looks at it."""
        shop.signalpy("lock")
        (shop.root / "acme_orders.py").write_text("# changed")
        [(subject, message)] = problems(shop, "lock")
        assert "acme-orders" == subject
        assert message.endswith("signalpy.lock: changed after it was installed: acme_orders.py")

    def test_a_lock_file_that_is_wanted_and_missing(self, shop: Site) -> None:
        """Under enforce that keeps everything from loading."""
        configure(shop, plugins='lock = "enforce"')
        [(_, message)] = problems(shop, "lock")
        assert message.endswith("Write it with: signalpy lock")

    def test_a_path_that_two_distributions_claim(self, shop: Site) -> None:
        """Who was installed last has written it: the other one's code is not there."""
        shop.install("other", modules={"acme_orders.py": "# of another"})
        [(subject, message)] = problems(shop, "paths")
        assert "acme-orders" == subject
        assert message.startswith("acme-orders and other both claim acme_orders.py: who was installed last")

    def test_a_module_that_another_stands_in_front_of(self, shop: Site) -> None:
        """Code that would be imported from elsewhere than where the distribution has it."""
        front = shop.root.parent / "front"
        front.mkdir()
        (front / "acme_orders.py").write_text("# not the one")
        told = examined(shop, PYTHONPATH=f"{front}{os.pathsep}{shop.root}")
        [message] = [item["message"] for item in told["findings"] if item["check"] == "shadowed"]
        assert f"its module acme_orders would be imported from {front / 'acme_orders.py'}" in message
        assert not shop.imported

    def test_a_record_that_cannot_be_read(self, shop: Site) -> None:
        """It is one problem of that plugin, and everything else is examined."""
        (shop.root / "acme_orders-1.0.dist-info" / "RECORD").write_bytes(b"\xff")
        expected = "its RECORD cannot be read. Install it again, or find out who did it."
        assert [("acme-orders", expected)] == problems(shop, "files")

    def test_a_module_that_is_gone(self, shop: Site) -> None:
        """And code that is not there at all."""
        (shop.root / "acme_orders.py").unlink()
        assert [("acme-orders", "its module acme_orders cannot be found, though RECORD lists it")] == problems(
            shop, "shadowed"
        )


class TestConfiguration:
    def test_a_configuration_that_cannot_be_read(self, shop: Site) -> None:
        """It is a problem by itself; what depends on it is not checked, everything else is."""
        (shop.root.parent / "signalpy.toml").write_text("[kernel]\nqueue_siz = 1\n")
        told = examined(shop)
        [message] = [item["message"] for item in told["findings"] if item["check"] == "configuration"]
        assert "[kernel] has no key 'queue_siz'. Did you mean 'queue_size'" in message
        assert "the configuration cannot be read" == told["not_made"]["tables"]
        assert "components" in told["made"]

    def test_a_table_that_nobody_owns(self, shop: Site) -> None:
        """With the nearest name that there is."""
        configure(shop, "[order]\nlimit = 1\n")
        [(_, message)] = problems(shop, "tables")
        assert "no installed component owns the table [order]. Did you mean 'orders'" in message

    def test_a_word_on_hooks_of_nobody(self, shop: Site) -> None:
        """A name that comes near one is a problem; any other may be an object that the application registers."""
        configure(shop, "[kernel.hooks.ordres]\ntimeout = 1\n[kernel.hooks.elsewhere]\ntimeout = 1\n")
        [(subject, message)] = problems(shop, "tables")
        assert "kernel.hooks.ordres" == subject
        assert "is for a name that no installed component has. Did you mean 'orders'" in message
        notes = [item["subject"] for item in examined(shop)["findings"] if item["check"] == "tables"]
        assert "kernel.hooks.elsewhere" in notes

    def test_a_policy_for_nobody(self, shop: Site) -> None:
        """Exact names and those of runnables are held against what is installed; what matches somebody is fine."""
        configure(
            shop, '[policy.ordres]\naudit = true\n[policy."orders.x"]\naudit = true\n[policy.kernel]\naudit = true'
        )
        [(subject, message)] = problems(shop, "policies")
        assert "ordres" == subject
        assert "Did you mean 'orders'" in message

    def test_a_policy_that_cannot_be_meant(self, shop: Site) -> None:
        """All that `signalpy policy check` finds, in its words."""
        configure(shop, '[policy.orders]\ninvoke_allow = ["orders.*"]\ninvoke_deny = ["*"]\n')
        [found] = problems(shop, "policies")
        assert ("orders", 'policy "orders": invoke_allow: "orders.*" has no effect: invoke_deny "*" beats it') == found
        assert found[1] in shop.signalpy("policy", "check").stdout

    def test_a_denial_of_nothing(self, shop: Site) -> None:
        """A misspelt denial lets in what it was meant to keep out; one that looks like nothing is a note."""
        configure(shop, plugins='deny = ["acme-ordres", "never-heard-of"]\nprefer = { orders = "acme-order" }')
        assert ["acme-ordres", "acme-order"] == [subject for subject, _ in problems(shop, "patterns")]
        notes = [item["subject"] for item in examined(shop)["findings"] if item["check"] == "patterns"]
        assert "never-heard-of" in notes


class TestBoot:
    @pytest.fixture(autouse=True)
    def _guard(self, shop: Site) -> None:
        shop.install(
            "acme-guard",
            entry_points="[signalpy.components]\nguard = acme_guard:Guard\n",
            modules={"acme_guard.py": GUARD},
        )

    def test_interceptors_for_nothing(self, shop: Site) -> None:
        """A target that is misspelt guards nothing; of events only what components say can be told."""
        told = examined(shop, "--boot")
        found = [(item["level"], item["message"]) for item in told["findings"] if item["check"] == "interceptors"]
        expected = (
            "its interceptor is for 'guard.lok', which matches no runnable that is there. Did you mean 'guard.look'?"
        )
        assert [("problem", expected)] == [item for item in found if item[0] == "problem"]
        notes = [message for level, message in found if level == "note"]
        assert ["its interceptor is for 'orders.*', and no component says that it publishes such an event"] == notes

    def test_an_interceptor_whose_failure_no_longer_stops_anything(self, shop: Site) -> None:
        """Its author has it stop the operation, and the operator does not: that is a note."""
        configure(shop, "[kernel.hooks.guard]\non_error = 'isolate'\n")
        told = examined(shop, "--boot")
        notes = [item for item in told["findings"] if item["check"] == "interceptors" and item["level"] == "note"]
        assert [("guard", "guard 1.0 of acme-guard (signalpy_invoke) is passed over when it fails")] == [
            (item["subject"], item["message"].partition(",")[0]) for item in notes if "passed over" in item["message"]
        ]

    def test_wrong_settings(self, shop: Site) -> None:
        """The table of a component is read by its model, and the component is not active."""
        configure(shop, '[guard]\nlimit = "many"\n')
        [(subject, message)] = problems(shop, "states", "--boot")
        assert "guard" == subject
        assert "[guard] limit" in message

    def test_nothing_starts(self, shop: Site) -> None:
        """Without what is essential there is no kernel to look at; the reason is the problem."""
        configure(shop, '[guard]\nlimit = "many"\n', plugins='required = ["guard"]')
        told = examined(shop, "--boot")
        [message] = [item["message"] for item in told["findings"] if item["check"] == "states"]
        assert "component 'guard' is essential and does not start" in message
        assert "loaded" in told["not_made"]


class TestStartUp:
    def test_a_pth_file_runs_before_anything_could_stop_it(self, tmp_path: Path) -> None:
        """It is shown to run by itself, and is listed with its line; a distribution is not needed for it."""
        venv.create(tmp_path / "venv", with_pip=False)
        [folder] = (tmp_path / "venv" / "lib").glob("python*/site-packages")
        mark = tmp_path / "ran"
        (folder / "evil.pth").write_text(f"# a comment\nimport pathlib; pathlib.Path({str(mark)!r}).touch()\n")
        (folder / "plain.pth").write_text("/nowhere\n")
        (folder / "_virtualenv.py").touch()
        (folder / "_virtualenv.pth").write_text("import _virtualenv")
        path = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *filter(_is_source, sys.path)]
        done = subprocess.run(
            [str(tmp_path / "venv" / "bin" / "python"), "-m", "signalpy", "doctor", "--json"],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={"PYTHONPATH": os.pathsep.join(path)},
        )
        assert mark.exists()
        found = {Path(item["subject"]).name: item for item in json.loads(done.stdout)["findings"]}
        assert 1 == done.returncode
        assert "problem" == found["evil.pth"]["level"]
        expected = (
            "a .pth file that no distribution lists in its RECORD runs code (line 2) at the start of every Python"
            " process, before any kernel can refuse it"
        )
        assert expected == found["evil.pth"]["message"]
        assert ("note", "note") == (found["plain.pth"]["level"], found["_virtualenv.pth"]["level"])

    @pytest.mark.parametrize(("changed", "level"), [(False, "note"), (True, "problem")])
    def test_whose_it_is(self, site: Site, *, changed: bool, level: str) -> None:
        """What a distribution has put there is a note, as long as nobody has changed it."""
        text = "import os\n"
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        site.install("tool", files={"RECORD": ""})
        record = site.root / "tool-1.0.dist-info" / "RECORD"
        record.write_text(f"tool.pth,sha256={digest},10\n")
        (site.root / "tool.pth").write_text(f"{text}# more\n" if changed else text)
        [found] = [item for item in code_at_startup([str(site.root)], read(site.path).every) if "tool" in item.subject]
        assert level == found.level
        assert found.message.startswith("a .pth file of tool")

    def test_sitecustomize(self, shop: Site) -> None:
        """A module that Python imports by itself at start-up is told as well."""
        shutil.copy(os.devnull, shop.root / "sitecustomize.py")
        found = [item for item in examined(shop, code=0)["findings"] if item["check"] == "start-up"]
        assert str(shop.root / "sitecustomize.py") in [item["subject"] for item in found]


def _is_source(entry: str) -> bool:
    return entry.endswith("src")


class TestOfAProcessThatRuns:
    """``signalpy --attach PATH doctor``, after somebody has changed what is installed."""

    @pytest.fixture
    def running(self, shop: Site, serving: Callable[..., Serving]) -> Site:
        (shop.root.parent / "signalpy.toml").write_text('[kernel]\nsocket = "s"\n\n[plugins]\nallow = ["acme-*"]\n')
        serving().until("running: ")
        return shop

    def test_all_is_as_installed(self, running: Site) -> None:
        """What can only be told of an installation is listed as not made, with what to do."""
        told = examined(running, "--attach", "s", code=0)
        assert ([], list(CHECKS), list(OFFLINE)) == (told["findings"], told["made"], list(told["not_made"]))
        shown = running.signalpy("--attach", "s", "doctor").stdout
        assert "no problems, no notes; 4 checks made" in shown
        assert "looks at what is installed: signalpy doctor, without --attach" in shown

    def test_an_upgrade_under_the_process_is_named(self, running: Site) -> None:
        """Until it starts again it runs the old code, whatever is on the disk."""
        shutil.rmtree(running.root / "acme_orders-1.0.dist-info")
        running.component("acme-orders", "orders", "2.0")
        expected = "version 1.0 is loaded, and 2.0 is installed now. Start again, or install the other version."
        assert [("acme-orders", expected)] == problems(running, "loaded", "--attach", "s")
        assert "pong from orders" in running.signalpy("--attach", "s", "invoke", "orders.ping").stdout
        examined(running, code=0)  # of the installation alone nobody can tell

    def test_what_was_taken_away_is_named(self, running: Site) -> None:
        """A process goes on with what it has loaded."""
        shutil.rmtree(running.root / "acme_orders-1.0.dist-info")
        expected = "version 1.0 is loaded, and it is not installed any more. Start again, or install the other version."
        assert [("acme-orders", expected)] == problems(running, "loaded", "--attach", "s")

    def test_it_has_booted_already(self, running: Site) -> None:
        """``--boot`` has no meaning there."""
        done = running.signalpy("doctor", "--boot", "--attach", "s")
        assert (2, "signalpy: --boot goes without --attach: the process runs already\n") == (
            done.returncode,
            done.stderr,
        )


def test_the_names_of_the_checks_are_those_that_are_made() -> None:
    """In their order."""
    assert OFFLINE == examine(Examined(Reading((), ()), load())).made
