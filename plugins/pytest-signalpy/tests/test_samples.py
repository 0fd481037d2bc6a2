"""`SampleContract`: events whose old samples are read keep it, and each check finds what it is there to find."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from ipaddress import IPv4Address
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from pydantic import BaseModel, ConfigDict

from pytest_signalpy import AuditTrailView, SampleContract
from pytest_signalpy.samples.events import as_stored
from signalpy import Event, Kernel
from signalpy.schemas import Schemas

if TYPE_CHECKING:
    from conftest import Plugin

pytest_plugins = ["pytester"]

MODULE = '''
"""A plugin with a typed event in its third version."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from pydantic import Field

from signalpy import Event, component, upcast


class Placed(Event, type="order.placed", version=3):
    """A customer has ordered."""

    order: str
    customer: str = Field(max_length=40)
    price: Decimal
    tags: list[str] = []


@upcast("order.placed", from_version=1)
def customer_has_a_name(data: dict[str, Any]) -> dict[str, Any]:
    data["customer"] = data.pop("client")
    return data


@upcast("order.placed", from_version=2)
def cents_are_a_price(data: dict[str, Any]) -> dict[str, Any]:
    return {"order": data["order"], "customer": data["customer"], "price": data["cents"] / 100}


@component("sample", version="1.0", emits=["order.*"])
class Sample:
    """Takes orders."""
'''

CONTRACT = """
from pytest_signalpy import SampleContract
from signalpy_sample import Placed

class TestSamples(SampleContract):
    component = "sample"
    examples = [Placed(order="1", customer="ada", price="12.50", tags=["new"])]
"""

FIRST = {"order": "1", "client": "ada", "cents": 1250}
SECOND = {"order": "1", "customer": "ada", "cents": 1250}
THIRD = {"order": "1", "customer": "ada", "price": "12.50", "tags": ["new"]}

WRITE = "--signalpy-write-samples"


class Line(BaseModel):
    """A part of an event."""

    price: Decimal


class Author:
    """The author of a plugin with typed events, and the folder in which its tests are."""

    def __init__(self, plugin: Plugin, folder: Path) -> None:
        self.plugin = plugin
        self.samples = folder / "samples" / "order.placed"
        plugin.files["signalpy_sample/__init__.py"] = MODULE
        plugin.entry_points += "[signalpy.events]\norder.placed = signalpy_sample:Placed\n"
        plugin.contract = CONTRACT

    def keep(self, name: str, data: Any) -> None:
        """Puts a file into the folder of samples."""
        self.samples.mkdir(parents=True, exist_ok=True)
        (self.samples / name).write_text(data if isinstance(data, str) else json.dumps(data))

    def edit(self, old: str, new: str) -> None:
        """Replaces a text in the module, which holds it once, or in the test."""
        module = self.plugin.files["signalpy_sample/__init__.py"]
        assert 1 == (module + self.plugin.contract).count(old)
        self.plugin.files["signalpy_sample/__init__.py"] = module.replace(old, new)
        self.plugin.contract = self.plugin.contract.replace(old, new)

    def run(self, *arguments: str) -> tuple[pytest.RunResult, dict[str, str]]:
        """The result, and by check how it ended."""
        result, checks = self.plugin.run(*arguments)
        return result, {name: check["outcome"] for name, check in checks.items()}


@pytest.fixture
def author(plugin: Plugin, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Author:
    """With samples of the old versions, and those of the latest as the command writes them."""
    monkeypatch.setattr("signalpy.schemas.KNOWN", Schemas())  # what one inner session knows, the next does not
    author = Author(plugin, pytester.path)
    author.keep("v1.json", FIRST)
    author.keep("v2.json", SECOND)
    return author


@pytest.fixture
def kept(author: Author, schema: dict[str, Any]) -> Author:
    """The same, with sample and schema of the latest version."""
    author.keep("v3.json", THIRD)
    author.keep("v3.schema.json", schema)
    return author


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    """The JSON Schema of the event as it is above."""
    return {
        "type": "object",
        "title": "of another time",
        "properties": {
            "order": {"type": "string"},
            "customer": {"type": "string", "maxLength": 40},
            "price": {"anyOf": [{"type": "number"}, {"type": "string"}]},
            "tags": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["order", "customer", "price"],
    }


FAULTS = {
    "events_are_named": (
        ("signalpy_sample:Placed", "signalpy_sample:Sample"),
        ('order.placed is not named: write [[]project.entry-points."signalpy.events"[]] "order.placed" = '
        '"signalpy_sample:Placed", and install the plugin again'),
    ),
    "samples_are_read": (
        ('data.pop("client")', 'data.pop("name")'),
        "samples/order.placed/v1.json: signalpy_sample.customer_has_a_name raised KeyError",
    ),
    "examples_read_back": (
        ("    order: str\n", "    order: str\n    seal: bytes = b'abc'\n"),
        "examples: Placed.seal does not read back as it was; of bytes base64 is stored, which*",
    ),
    "versions_have_upcasters": (
        ('@upcast("order.placed", from_version=2)\n', ""),
        'no upcaster takes order.placed/v2 to the next version: write @upcast("order.placed", from_version=2)',
    ),
    "upcasters_are_pure": (
        ('data["cents"] / 100}', 'data["cents"] / 100, "tags": TAGS}\n\n\nTAGS: list[str] = []'),
        "samples/order.placed/v1.json: read more than once it gives another tags; an upcaster uses nothing but*",
    ),
    "samples_are_read_alone": (
        ("    return data\n", "    open(__file__).close()\n    return data\n"),
        "samples/order.placed/v1.json: while it is read: opens *signalpy_sample/__init__.py; an upcaster does no I/O",
    ),
    "changes_have_versions": (
        ("    order: str\n", "    order: int\n"),
        ("order.placed/v3 has changed: order was string, is integer. Make it version 4 and write "
        '@upcast("order.placed", from_version=3). If version 3 was never released, remove samples/order.placed/v3.* '
        f"and run pytest {WRITE} test_contract.py"),
    ),
}  # fmt: skip


def test_samples_that_are_read_keep_it(kept: Author) -> None:
    """Each check passes, and the report says so."""
    result, checks = kept.run()
    result.assert_outcomes(passed=len(SampleContract.checks()))
    assert dict.fromkeys(SampleContract.checks(), "passed") == checks


@pytest.mark.parametrize("check", FAULTS)
def test_each_check_finds_its_fault(kept: Author, check: str) -> None:
    """A plugin with one fault fails the check that is there for it, in one line that says what to do."""
    (old, new), words = FAULTS[check]
    if old in kept.plugin.entry_points:
        kept.plugin.entry_points = kept.plugin.entry_points.replace(old, new)
    else:
        kept.edit(old, new)
    result, checks = kept.run()
    assert "failed" == checks[check], result.outlines
    result.stdout.fnmatch_lines([words])


def test_every_check_has_its_fault() -> None:
    """No check of the contract is without a test that shows it failing."""
    assert set(SampleContract.checks()) == {*FAULTS, "samples_are_kept"}


def test_a_version_without_a_sample_is_told_with_the_command(author: Author) -> None:
    """Sample and schema of the latest version are missing; one command writes them, and then all is well."""
    result, checks = author.run()
    assert "failed" == checks["samples_are_kept"]
    result.stdout.fnmatch_lines([f"order.placed/v3 has no sample: run pytest {WRITE} test_contract.py"])
    result, checks = author.run(WRITE)
    assert {"passed"} == set(checks.values())
    result.stdout.fnmatch_lines(["signalpy: samples/order.placed/v3.json is written; commit it"])
    assert THIRD == json.loads((author.samples / "v3.json").read_text())
    assert "urn:signalpy:event:order.placed/v3" == json.loads((author.samples / "v3.schema.json").read_text())["$id"]
    _, checks = author.run()
    assert {"passed"} == set(checks.values())


def test_an_old_version_without_a_sample_is_told(kept: Author) -> None:
    """The author is told which file to write; without an example the latest version asks for one."""
    (kept.samples / "v1.json").unlink()
    (kept.samples / "v3.json").unlink()
    kept.edit('examples = [Placed(order="1", customer="ada", price="12.50", tags=["new"])]', "examples = []")
    result, checks = kept.run()
    assert ("failed", "does_not_apply") == (checks["samples_are_kept"], checks["examples_read_back"])
    result.stdout.fnmatch_lines([
        "order.placed/v1 has no sample: write samples/order.placed/v1.json, a payload as that version stored it",
        f"order.placed/v3 has no sample: add Placed(…) to examples, then run pytest {WRITE} test_contract.py",
    ])  # fmt: skip


def test_a_sample_that_is_there_is_never_changed(kept: Author) -> None:
    """The command leaves samples as they are, also where the example is another."""
    before = {path.name: path.read_bytes() for path in kept.samples.iterdir()}
    kept.edit('customer="ada"', 'customer="eve"')
    kept.run(WRITE)
    assert before == {path.name: path.read_bytes() for path in kept.samples.iterdir()}


def test_a_version_that_takes_more_needs_its_schema_anew(kept: Author) -> None:
    """A field that may be left out is no new version; the schema follows, so that the field is watched from now on."""
    kept.edit("    tags: list[str] = []\n", '    tags: list[str] = []\n    note: str = ""\n')
    result, checks = kept.run()
    assert "failed" == checks["changes_have_versions"]
    result.stdout.fnmatch_lines(["order.placed/v3 takes more than its schema says: run pytest*"])
    _, checks = kept.run(WRITE)
    assert {"passed"} == set(checks.values())
    assert THIRD == json.loads((kept.samples / "v3.json").read_text())
    kept.edit('    note: str = ""\n', "")
    result, checks = kept.run()
    assert "failed" == checks["changes_have_versions"]
    result.stdout.fnmatch_lines(["order.placed/v3 has changed: note is gone.*"])


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("    customer: str =", "    buyer: str =", "v3.json: it does not fit Placed: buyer: Field required"),
        ("    tags: list[str] = []\n", "", "v3.json: Placed has no field 'tags': what it holds is lost"),
        ('"customer": data["customer"], ', "", "v2.json: it does not fit Placed: customer: Field required"),
        ("return data\n", "return None\n", "v1.json: signalpy_sample.customer_has_a_name returned NoneType*"),
        ('type="order.placed"', 'type="order.made"', "v1.json: *no typed event 'order.placed' is known;*"),
        ("version=3", "version=2", "v3.json: Placed is version 2, and the sample is of a later one"),
        ('data["cents"] / 100', 'float("nan")', "v2.json: it does not fit Placed: price: *"),
        ('data["cents"] / 100', "{1, 2}", "v2.json: JSON cannot hold what its upcasters make of it: *"),
    ],
)
def test_a_sample_that_is_no_longer_read(kept: Author, old: str, new: str, words: str) -> None:
    """Whatever keeps a stored payload from today's class is told with the file."""
    kept.edit(old, new)
    if "buyer" in new:
        kept.edit('customer="ada"', 'buyer="ada"')
    result, checks = kept.run()
    assert "failed" == checks["samples_are_read"], result.outlines
    result.stdout.fnmatch_lines([f"samples/order.placed/{words}"])


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ('import time\n    return {**data, "order": str(time.time())}', "order"),
        ("import random\n    return {**data, 'order': str(random.random())}", "order"),
        ("SEEN.append(1)\n    return {**data, 'order': str(len(SEEN))}\n\n\nSEEN: list[int] = []", "order"),
    ],
)
def test_an_upcaster_that_is_not_a_function_of_the_payload(kept: Author, step: str, words: str) -> None:
    """The time, chance and what was read before have no say in what a record says."""
    kept.edit(
        'data["customer"] = data.pop("client")\n    return data', f'data["customer"] = data.pop("client")\n    {step}'
    )
    result, checks = kept.run()
    assert "failed" == checks["upcasters_are_pure"], result.outlines
    result.stdout.fnmatch_lines([f"samples/order.placed/v1.json: read more than once it gives another {words};*"])


def test_upcasters_that_only_the_component_imports(kept: Author) -> None:
    """A reader without a kernel would not find them, although every test in this process does."""
    kept.plugin.files |= {
        "signalpy_sample/__init__.py": "",
        "signalpy_sample/events.py": MODULE.partition("@upcast")[0],
        "signalpy_sample/old.py": "from typing import Any\nfrom signalpy import upcast\n\n@upcast"
        + MODULE.partition("@upcast")[2].partition("@component")[0],
        "signalpy_sample/component.py": "from signalpy import component\nimport signalpy_sample.old\n\n@component"
        + MODULE.partition("@component")[2],
    }
    kept.plugin.entry_points = (
        "[signalpy.components]\nsample = signalpy_sample.component:Sample\n"
        "[signalpy.events]\norder.placed = signalpy_sample.events:Placed\n"
    )
    kept.plugin.contract = kept.plugin.contract.replace(
        "from signalpy_sample import", "from signalpy_sample.events import"
    )
    result, checks = kept.run()
    assert {"samples_are_read_alone": "failed"} == {name: how for name, how in checks.items() if how != "passed"}
    result.stdout.fnmatch_lines([
        "samples/order.placed/v1.json: where only what signalpy.events names is imported, it is left as it was stored:*"
    ])  # fmt: skip


def test_an_upcaster_beyond_the_latest_version(kept: Author) -> None:
    """A step to a version that the event does not have makes every payload of today an old one."""
    kept.edit("version=3", "version=2")
    result, checks = kept.run()
    assert "failed" == checks["versions_have_upcasters"]
    result.stdout.fnmatch_lines(["an upcaster takes order.placed/v2 to version 3, and Placed is version 2"])


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("v3.json", "{", "samples/order.placed/v3.json cannot be read as JSON: *"),
        ("v3.schema.json", "", "samples/order.placed/v3.schema.json cannot be read as JSON: *"),
        (
            "third.json",
            "{}",
            "samples/order.placed/third.json: the name tells no version; expected*",
        ),
        ("v3.refund.json", '{"order": "2"}', "samples/order.placed/v3.refund.json: it does not fit Placed: *"),
        ("v3.json", "[]", "samples/order.placed/v3.json: it does not fit Placed: *"),
        ("v2.json", "[]", "samples/order.placed/v2.json: order.placed/v2: the payload is list, expected a mapping"),
    ],
)
def test_a_file_that_is_no_sample(kept: Author, name: str, text: str, words: str) -> None:
    """It fails the checks that need it, in one line with its path."""
    kept.keep(name, text)
    result, checks = kept.run()
    assert "failed" == checks["samples_are_read"]
    result.stdout.fnmatch_lines([words])


def test_an_example_of_another_event(kept: Author) -> None:
    """What is no typed event of the plugin is refused with those that are."""
    kept.edit(
        "from signalpy_sample import Placed\n", "from signalpy import Event\n\nclass Placed(Event, type='x'): pass\n"
    )
    result, _ = kept.run()
    result.stdout.fnmatch_lines(["examples: Placed is no typed event of signalpy_sample in its latest version; there*"])


def test_a_broken_entry_point(kept: Author) -> None:
    """What an entry point of the group cannot load is told in one line."""
    kept.plugin.entry_points = kept.plugin.entry_points.replace("sample:Placed", "sample:Plcaed")
    result, _ = kept.run()
    result.stdout.fnmatch_lines(["*signalpy.events: order.placed = signalpy_sample:Plcaed cannot be loaded: *"])


def test_a_plugin_without_typed_events(plugin: Plugin, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing applies, and nothing fails."""
    monkeypatch.setattr("signalpy.schemas.KNOWN", Schemas())
    plugin.edit('class Kept(Event, type="sample.kept", version=1):\n    name: str\n', "")
    plugin.contract = CONTRACT.replace("from signalpy_sample import Placed\n", "").split("    examples")[0]
    result, checks = plugin.run()
    assert {"does_not_apply"} == {check["outcome"] for check in checks.values()}
    assert len(SampleContract.checks()) == result.parseoutcomes()["skipped"]


def test_a_check_is_switched_off_with_a_reason(kept: Author) -> None:
    """As in the contract of the plugin."""
    kept.plugin.contract += '    without = {"events_are_named": "no reader without a kernel"}\n'
    _, checks = kept.run()
    assert "switched_off" == checks["events_are_named"]


def test_samples_that_cannot_be_written(kept: Author) -> None:
    """One line says where and why."""
    for path in kept.samples.iterdir():
        path.unlink()
    kept.samples.rmdir()
    kept.samples.write_text("a file where the folder should be")
    result, _ = kept.run(WRITE)
    result.stdout.fnmatch_lines(["*samples: no sample can be written: *"])


class Everything(Event, type="samples.everything", version=1):
    """An event with all kinds of values."""

    model_config = ConfigDict(val_json_bytes="base64")

    price: Decimal = Decimal("12.50")
    at: datetime = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
    there: datetime = datetime(2026, 1, 2, 3, tzinfo=timezone(timedelta(hours=2)))
    day: date = date(2026, 1, 2)
    hour: time = time(3, 4)
    span: timedelta = timedelta(days=1, seconds=2.5)
    seal: bytes = b"\xff\xfe??>"
    key: UUID = UUID(int=5)
    some: set[int] = {3, 1, 2}
    pair: tuple[int, str] = (1, "x")
    by_number: dict[int, str] = {1: "a"}
    lines: list[Line] = [Line(price=Decimal("0.10"))]
    place: PurePosixPath = PurePosixPath("/a")
    host: IPv4Address = IPv4Address("10.0.0.1")
    limit: float = float("inf")
    huge: int = 2**70
    nothing: None = None


@pytest.mark.signalpy(components=[])
async def test_what_is_written_reads_as_what_a_trail_stores(kernel: Kernel, audit_trail: AuditTrailView) -> None:
    """A sample that the command writes and a record of the same event are read as the same instance."""
    event = Everything()
    await kernel.bus.publish(event)
    stored = audit_trail.one(type="samples.everything")["data"]
    written = json.loads(json.dumps(as_stored(event)))
    assert event == Everything.model_validate_json(json.dumps(stored))
    assert event == Everything.model_validate_json(json.dumps(written))
    assert set(stored) == set(written)
