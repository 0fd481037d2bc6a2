"""`PluginContract`: a good plugin keeps it, and each check finds what it is there to find."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pytest_signalpy import PluginContract

if TYPE_CHECKING:
    from conftest import Plugin

pytest_plugins = ["pytester"]

START = "        self.kept: list[str] = []\n"
KEEP = (
    "        await asyncio.sleep(0)\n"
    '        await self.rt.publish("sample.kept", {"name": params.name}, schema="sample.kept/v1")\n'
)
HOOK = (
    '    @hookimpl(targets="bystander.*")\n    async def signalpy_invoke(self, call: Call, proceed: Proceed) -> Any:\n'
)
AT_IMPORT = "# at import\n"
ONE_AT_ONCE = (
    "        if Sample.__dict__.get('alive'):\n            raise RuntimeError('taken')\n        Sample.alive = True\n"
)

FAULTS = {
    "distribution_name": ("Name: signalpy-sample", "Name: signalpy-other", "expected 'signalpy_other'"),
    "core_range": ("signalpy-core<0.2,>=0.1", "signalpy-core>=0.1", "expected a range with both ends"),
    "requires_python": (">=3.11", ">=3.10", "needs 3.11 or later"),
    "licence": ("License-Expression: MIT", "License-Expression: MTI", "is no SPDX expression"),
    "readme": ("Summary: Keeps items\n", "", "no Summary"),
    "declared_dependencies": (AT_IMPORT, "import click\n", "imports click of click, which the dependencies*"),
    "no_other_plugin": (AT_IMPORT, "import signalpy_accounts\n", "of the plugin signalpy-accounts; call it over*"),
    "nothing_private": (AT_IMPORT, "from signalpy.bus.door import _NOBODY\n", "_NOBODY, which is private"),
    "nothing_unsafe": (AT_IMPORT, "import pickle\n", "imports pickle, whose loading of foreign data runs code"),
    "import_prints_nothing": (AT_IMPORT, "print('hello')\n", "prints: 'hello'"),
    "import_writes_nothing": (AT_IMPORT, "open('x', 'w').close()\n", "opens x for writing"),
    "import_opens_nothing": (AT_IMPORT, "import socket\nsocket.socket().close()\n", "socket.__new__"),
    "import_starts_nothing": (AT_IMPORT, "asyncio.new_event_loop().close()\n", "starts an event loop"),
    "import_changes_nothing": (AT_IMPORT, "import logging\nlogging.basicConfig()\n", "changes the root logger"),
    "import_warns_of_nothing": (AT_IMPORT, "import warnings\nwarnings.warn('old')\n", "UserWarning: old"),
    "component_is_described": ('    """Keeps items."""\n', "", "Sample has no docstring"),
    "runnables_are_described": (', description="Keep an item"', "", "sample.keep has no description="),
    "parameters_have_models": ('Field(description="of the item")', '""', "Item.name has no description"),
    "settings_are_described": (', description="how many it keeps"', "", "Settings.limit has no description"),
    "secrets_are_hidden": ("    limit: int", "    api_key: str = 'x'\n    limit: int", "Settings.api_key is <class*"),
    "handlers_are_annotated": ("params: Item) -> dict[str, Any]", "params)", "params has no annotation"),
    "starts_and_stops": (
        START, "        self.task = asyncio.create_task(asyncio.sleep(60))\n", "sample: task * (sleep) still runs"
    ),
    "starts_again": (START, ONE_AT_ONCE, "RuntimeError: taken"),
    "removed_without_a_trace": (START, ONE_AT_ONCE, "it cannot be added again: *RuntimeError: taken"),
    "replaced": (START, ONE_AT_ONCE, "it cannot be replaced while it runs: *RuntimeError: taken"),
    "two_kernels_at_once": (START, ONE_AT_ONCE, "RuntimeError: taken"),
    "does_not_block_the_loop": (START, "        import time\n        time.sleep(1.1)\n", "the loop stood still for*"),
    "wrong_settings_fail_it_alone": (
        'description="how many it keeps")\n',
        'description="how many it keeps")\n    @classmethod\n    def model_validate(cls, *_, **__): return cls()\n',
        "with the unknown key 'no-such-setting' it is active",
    ),
    "answers": ('return {"ok": True}', "return object()", "JSON cannot hold its result"),
    "answers_side_by_side": (
        KEEP,
        "        self.n = getattr(self, 'n', 0) + 1\n        while self.n > 1: await asyncio.sleep(0.01)\n",
        "something waits for ever",
    ),
    "refuses_unknown_parameters": (
        'Field(description="of the item")',
        'Field(default="", description="of the item")\n    model_config = {"extra": "ignore"}',
        "sample.keep answers, expected InvalidParams",
    ),
    "survives_cancellation": (
        KEEP,
        ("        while getattr(self, 'held', False): await asyncio.sleep(0.01)\n        self.held = True\n"
        "        await asyncio.sleep(0.01)\n        self.held = False\n"),
        "something waits for ever",
    ),
    "publishes_what_it_declares": ('emits=["sample.*"]', "emits=[]", "it publishes 'sample.kept', and declares emits="),
    "payloads_are_plain": ('{"name": params.name}', '{"name": object()}', "sample.kept: JSON cannot hold its payload"),
    "payloads_fit_their_schemas": (
        '{"name": params.name}', '{"nmae": 1}', "sample.kept: the payload does not fit Kept: name: Field required"
    ),
    "works_under_policies": (
        KEEP,
        ("        while True:\n            try:\n                return await self.rt.publish('sample.kept', {})\n"
        "            except PermissionError:\n                await asyncio.sleep(0.01)\n"),
        "something waits for ever",
    ),
    "odd_events_reach_nobody_else": (
        HOOK,
        "    @hookimpl\n    async def signalpy_publish(self, event: Any, proceed: Proceed) -> None:\n"
        "        await proceed({'name': event.data['name']})\n" + HOOK,
        "publishing 'other.contract' with {} raises KeyError",
    ),
    "lets_others_pass": (
        HOOK, HOOK + "        call.params.amount\n", "an operation of others fails in its hooks: AttributeError"
    ),
    "works_without_an_actor": (
        KEEP,
        ("        from signalpy.operation import current\n"
        "        while current().actor is None: await asyncio.sleep(0.01)\n"),
        "something waits for ever",
    ),
}  # fmt: skip


def test_a_good_plugin_keeps_it(plugin: Plugin) -> None:
    """Each of its checks passes, none is skipped, and the report says so."""
    result, checks = plugin.run()
    result.assert_outcomes(passed=len(PluginContract.checks()))
    assert set(PluginContract.checks()) == set(checks)
    assert {"passed"} == {check["outcome"] for check in checks.values()}
    assert len(checks) > 35


@pytest.mark.parametrize("check", FAULTS)
def test_each_check_finds_its_fault(plugin: Plugin, check: str) -> None:
    """A plugin with one fault fails the check that is there for it, in words."""
    old, new, words = FAULTS[check]
    plugin.edit(old, new)
    result, checks = plugin.run("{module}::TestContract::test_" + check)
    assert "failed" == checks[check]["outcome"], result.outlines
    result.stdout.fnmatch_lines([f"*{words}*"])


def test_a_package_without_the_mark_of_types(plugin: Plugin) -> None:
    """The file `py.typed` is looked for."""
    del plugin.files["signalpy_sample/py.typed"]
    result, checks = plugin.run("-k", "py_typed")
    assert "failed" == checks["py_typed"]["outcome"]
    result.stdout.fnmatch_lines(["*signalpy_sample has no file py.typed*"])


def test_an_entry_point_that_leads_elsewhere(plugin: Plugin) -> None:
    """The class has to be one of the plugin's own package."""
    plugin.files["elsewhere.py"] = plugin.files["signalpy_sample/__init__.py"]
    plugin.files["signalpy_sample/__init__.py"] = "from elsewhere import Sample\n"
    result, checks = plugin.run("-k", "entry_point")
    assert "failed" == checks["entry_point"]["outcome"]
    result.stdout.fnmatch_lines(["*is a class of elsewhere, expected one of signalpy_sample*"])


def test_every_check_has_its_fault() -> None:
    """No check of the contract is without a test that shows it failing."""
    assert set(PluginContract.checks()) == {*FAULTS, "py_typed", "entry_point"}


def test_a_field_is_described_where_it_is_declared(plugin: Plugin) -> None:
    """What the docstring of a model tells of a field counts, also for the models that inherit it."""
    plugin.edit(
        'class Item(BaseModel):\n    name: str = Field(description="of the item")\n',
        'class Named(BaseModel):\n    """:param name: of the item"""\n\n    name: str\n\n\n'
        "class Item(Named):\n    pass\n",
    )
    _, checks = plugin.run("-k", "parameters_have_models")
    assert "passed" == checks["parameters_have_models"]["outcome"]


def test_imports_for_type_checkers_are_none(plugin: Plugin) -> None:
    """What only a type checker imports is no import of another plugin, and needs no dependency."""
    plugin.edit(AT_IMPORT, "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import signalpy_accounts\n")
    result, _ = plugin.run("-k", "no_other_plugin or declared_dependencies")
    result.assert_outcomes(passed=2, deselected=len(PluginContract.checks()) - 2)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            '"sample"',
            '"smaple"',
            "no installed distribution has the component 'smaple'. Run: python -m pip install -e .",
        ),
        ('    component = "sample"\n', "", "TestContract names no component"),
        (
            '{"keep": {"name": "pen"}}',
            "{}",
            'sample.keep needs name: give a sample that succeeds, params = {"keep": {…}}',
        ),
        ('{"keep":', '{"kep": 1, "keep":', "params has 'kep', and there is no such runnable; there are: keep, count"),
        ('{"name": "pen"}', '{"name": 3}', "sample.keep: the sample raises InvalidParams*Give one that succeeds"),
        ('return {"ok": True}', 'return {"error": "full"}', "sample.keep: the sample fails: full*"),
        ("signalpy-core<0.2,>=0.1", "signalpy-core>=9", "the component 'sample' of signalpy-sample is incompatible*"),
    ],
)
def test_what_the_author_has_to_mend_is_told(plugin: Plugin, old: str, new: str, words: str) -> None:
    """A wrong name, and samples that are missing, stray or wrong."""
    plugin.edit(old, new) if new != '"smaple"' else setattr(plugin, "contract", plugin.contract.replace(old, new))
    result, _ = plugin.run("{module}::TestContract::test_answers")
    assert 1 == result.ret
    result.stdout.fnmatch_lines([f"*{words}*"])


def test_a_check_is_switched_off_with_a_reason(plugin: Plugin) -> None:
    """The reason stands in pytest's summary and in the report."""
    plugin.edit("License-Expression: MIT\n", "")
    plugin.contract += '    without = {"licence": "not published"}\n'
    result, checks = plugin.run("-k", "licence", "-rs")
    result.assert_outcomes(skipped=1, deselected=len(PluginContract.checks()) - 1)
    result.stdout.fnmatch_lines(["*switched off: not published"])
    assert ("switched_off", "not published") == (checks["licence"]["outcome"], checks["licence"]["message"])


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('    without = {"licence": " "}\n', "say why the check 'licence' is switched off"),
        ('    without = {"license": "no"}\n', "there is no check 'license'; there are: *licence*"),
        ("    def test_licence(self): pass\n", "test_licence: a check of the contract is not overridden*"),
    ],
)
def test_a_check_is_not_switched_off_in_silence(plugin: Plugin, body: str, words: str) -> None:
    """Without a reason, under a wrong name, or by overriding it, none is switched off."""
    plugin.contract += body
    result, _ = plugin.run()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"*{words}*"])


def test_what_does_not_apply_is_told(plugin: Plugin) -> None:
    """A check without an object in this plugin is skipped, and the report says why."""
    plugin.edit(', settings=Settings, emits=["sample.*"]', ', emits=["sample.*"]')
    _, checks = plugin.run("-k", "settings")
    assert ("does_not_apply", "it has no settings") == (
        checks["settings_are_described"]["outcome"], checks["settings_are_described"]["message"]
    )  # fmt: skip


def test_an_author_may_add_tests(plugin: Plugin) -> None:
    """Tests of the author's own stand beside the checks, and are not in the report."""
    plugin.contract += "    def test_mine(self, stage):\n        assert 1\n"
    result, checks = plugin.run("-k", "mine or licence")
    assert (2, {"licence"}) == (result.parseoutcomes()["passed"], set(checks))


def test_the_report_tells_versions_and_verdict(plugin: Plugin, pytester: pytest.Pytester) -> None:
    """The report names the plugin, the versions of all that took part, and whether the contract holds."""
    plugin.edit("Summary: Keeps items\n", "")
    plugin.run("-k", "readme or licence")
    report = json.loads((pytester.path / "report.json").read_text())
    assert (1, "0.1.0") == (report["format"], report["signalpy_core"])
    [told] = report["plugins"]
    assert ("sample", "signalpy-sample", "1.0", "broken") == (
        told["component"], told["distribution"], told["version"], told["verdict"]
    )  # fmt: skip
    assert {"licence": "passed", "readme": "failed"} == {item["check"]: item["outcome"] for item in told["checks"]}
    assert "no Summary" in next(item["message"] for item in told["checks"] if item["check"] == "readme")


def test_a_report_that_cannot_be_written(pytester: pytest.Pytester) -> None:
    """Where no file can be written the session does not begin, and one line says why."""
    quiet = ["-p", "no:cacheprovider", "-o", "asyncio_default_fixture_loop_scope=function"]
    result = pytester.runpytest_inprocess(*quiet, "--signalpy-report", "nowhere/report.json")
    assert pytest.ExitCode.USAGE_ERROR == result.ret
    result.stderr.fnmatch_lines(["ERROR: --signalpy-report: no file can be written at *nowhere/report.json"])
