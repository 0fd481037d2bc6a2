"""Plugins that are broken in every way: the others go on, and each is named with its reason."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from signalpy.errors import BootError, ComponentUnavailable
from signalpy.kernel import Kernel, PluginInfo, State, hookimpl

if TYPE_CHECKING:
    from conftest import Site

GOOD = """
from signalpy import component, lifecycle, runnable, subscribe

EVENTS = []


@component("good", version="1.0")
class Good:
    @lifecycle.activate
    def activate(self):
        EVENTS.append("activate")

    @lifecycle.deactivate
    def deactivate(self):
        EVENTS.append("deactivate")

    @runnable("ping")
    def ping(self):
        return "pong"
"""

HEAD = """
import asyncio
import sys
from pydantic import BaseModel, field_validator
from signalpy import component, hookimpl, lifecycle, provides, requires, runnable, subscribe


class Odd(BaseException):
    pass


class Mute(Exception):
    def __str__(self):
        raise RuntimeError("cannot even say it")


"""

SETTINGS_WITH_A_BUG = """
class Settings(BaseModel):
    size: object = 1

    @field_validator("size")
    def check(cls, value):
        raise KeyError("bug")


@component("broken", settings=Settings)
class Service: ...
"""

SERVICE = """
@component("broken", version="1.0")
class Service:
    @runnable("ping")
    def ping(self):
        return "pong"

"""


def _service(body: str = "", decorators: str = "", bases: str = "") -> str:
    """A component with something more in it, written with the indentation of a class's body."""
    text = SERVICE.replace('@component("broken", version="1.0")', f'@component("broken", version="1.0")\n{decorators}')
    return text.replace("class Service:", f"class Service{bases}:") + "".join(
        f"    {line}\n" for line in body.splitlines()
    )


def _activate(statement: str, kind: str = "def") -> str:
    return _service(f"@lifecycle.activate\n{kind} activate(self):\n    {statement}")


IMPORT = {
    "an error": ('raise RuntimeError("boom")', "on import: importing broken failed: RuntimeError: boom"),
    "a missing module": (
        "import no_such_module_anywhere",
        "ModuleNotFoundError: No module named 'no_such_module_anywhere'",
    ),
    "a syntax error": ("def (:", "SyntaxError"),
    "an exit": ("sys.exit(3)", "SystemExit: 3"),
    "a bare exit": ("raise SystemExit", "SystemExit"),
    "a cancellation": ("raise asyncio.CancelledError", "CancelledError"),
    "an exception of its own kind": ('raise Odd("strange")', "Odd: strange"),
    "an exception that cannot be shown": ("raise Mute", "Mute"),
    "no such attribute": (SERVICE.replace("class Service", "class Servcie"), "has no 'Service'"),
    "an attribute that raises": (
        'def __getattr__(name):\n    raise RuntimeError("not today")',
        "RuntimeError: not today",
    ),
    "no component": ("class Service: ...", "Service is no component. Put @component("),
    "no class": ("Service = 5", "expected a component class, found int"),
    "another name": (
        SERVICE.replace('"broken"', '"borken"'),
        "is the component 'borken', but its entry point says 'broken'",
    ),
    "a wrong signature": (
        _service('@runnable("x")\ndef x(self, a, b): ...'),
        "Service.x: a runnable takes (self) or (self, params)",
    ),
    "two of one name": (_service('@runnable("ping")\ndef x(self): ...'), "Service.x: 'ping' is declared already by"),
    "an unknown stage": (_service("@lifecycle.activated\ndef x(self): ..."), "unknown lifecycle stage 'activated'"),
    "a liar": (
        'class Liar:\n    @property\n    def __class__(self):\n        raise RuntimeError("guess")\nService = Liar()',
        "broken:Service gives no component: RuntimeError: guess",
    ),
    "a description that is no text": (_service() + "Service.__doc__ = 5", ""),
    "a metaclass that lets nothing be set": (
        "class Meta(type):\n    def __setattr__(cls, name, value):\n        raise TypeError('sealed')\n"
        + _service(bases="(metaclass=Meta)"),
        "TypeError: sealed",
    ),
}

START = {
    "settings of a wrong type": (
        'class Settings(BaseModel):\n    size: int = 1\n\n@component("broken", settings=Settings)\nclass Service: ...',
        "on settings: [broken] size: input should be a valid integer",
    ),
    "settings that raise": (
        SETTINGS_WITH_A_BUG,
        "on settings: KeyError: 'bug'",
    ),
    "a constructor that raises": (
        _service('def __init__(self):\n    raise RuntimeError("boom")'),
        "on init: RuntimeError: boom",
    ),
    "a constructor that exits": (_service("def __init__(self):\n    sys.exit(2)"), "on init: SystemExit: 2"),
    "a constructor that wants something": (
        _service("def __init__(self, wanted, more=1): ..."),
        "on init: Service is made without arguments, and its __init__ needs wanted. Give defaults",
    ),
    "a constructor with an error of types": (
        _service("def __init__(self):\n    len(5)"),
        "on init: TypeError: object of type 'int' has no len() (line 26 of broken)",
    ),
    "no instance": (_service("def __new__(cls):\n    return None"), "on init: AttributeError"),
    "slots without rt": (_service("__slots__ = ()"), "on init: AttributeError"),
    "a class that lets nothing be set": (
        _service("def __setattr__(self, name, value):\n    raise TypeError('sealed')"),
        "on init: TypeError: sealed",
    ),
    "a metaclass that makes nothing": (
        "class Meta(type):\n    def __call__(cls):\n        raise RuntimeError('abstract')\n"
        + _service(bases="(metaclass=Meta)"),
        "on init: RuntimeError: abstract",
    ),
    "methods that cannot be got": (
        _service("def __getattribute__(self, name):\n    raise RuntimeError('private')"),
        "RuntimeError: private",
    ),
    "an error": (_activate('raise RuntimeError("boom")'), "on activate: RuntimeError: boom (line 27 of broken)"),
    "a late error": (
        _activate('await asyncio.sleep(0); raise RuntimeError("boom")', "async def"),
        "on activate: RuntimeError: boom",
    ),
    "an error of two lines": (_activate(r'raise RuntimeError("one\ntwo")'), "on activate: RuntimeError: one two"),
    "an exit": (_activate("sys.exit(3)"), "on activate: SystemExit: 3"),
    "a late exit": (_activate("await asyncio.sleep(0); sys.exit(3)", "async def"), "on activate: SystemExit: 3"),
    "a cancellation": (
        _activate("raise asyncio.CancelledError('why not')", "async def"),
        "on activate: CancelledError: why not",
    ),
    "a late cancellation": (
        _activate("await asyncio.sleep(0); raise asyncio.CancelledError", "async def"),
        "on activate: CancelledError",
    ),
    "an exception of its own kind": (_activate("raise Odd('strange')"), "on activate: Odd: strange"),
    "an exception that cannot be shown": (_activate("raise Mute"), "on activate: Mute"),
    "a group": (_activate("raise ExceptionGroup('many', [ValueError(1)])"), "on activate: ExceptionGroup: many"),
    "a coroutine that is not awaited": (_activate("return asyncio.sleep(0)"), "on activate: TypeError"),
    "a call of what is not there": (
        _activate('await self.rt.invoke("no.where")', "async def"),
        "on activate: no component offers 'no.where'",
    ),
    "a service that it did not ask for": (_activate("self.rt.database"), "has no service 'database'"),
    "a change of the kernel": (
        _activate("await asyncio.wait_for(asyncio.sleep(9), 0)", "async def"),
        "on activate: TimeoutError",
    ),
    "an unknown hook": (
        _service("@hookimpl\nasync def signalpy_invke(self, call, proceed): ..."),
        "on hooks: broken 1.0: Service.signalpy_invke: there is no such hook. Did you mean 'signalpy_invoke'",
    ),
    "wrong arguments of a hook": (
        _service("@hookimpl\nasync def signalpy_invoke(self, request, proceed): ..."),
        "unknown argument 'request'. It may take call, proceed",
    ),
    "a ring without its inside": (
        _service("@hookimpl\nasync def signalpy_invoke(self, call): ..."),
        "does not take proceed",
    ),
    "a ring that is not async": (
        _service("@hookimpl\ndef signalpy_record(self, operation, proceed): ..."),
        "Write async def",
    ),
    "a notice that is async": (_service("@hookimpl\nasync def signalpy_dead_letter(self, event): ..."), "Write def"),
    "a recorder with targets": (
        _service("@hookimpl(targets='x.*')\nasync def signalpy_record(self, operation, proceed): ..."),
        "takes no targets",
    ),
    "an order that contradicts itself": (
        _service("@hookimpl(before='broken')\nasync def signalpy_invoke(self, call, proceed): ..."),
        "contradict each other",
    ),
}

BROKEN = {
    **{f"import: {how}": case for how, case in IMPORT.items()},
    **{f"start: {how}": case for how, case in START.items()},
}
CONFIG: dict[str, Any] = {"plugins": {"allow": ["signalpy-broken", "signalpy-good"]}, "broken": {"size": "many"}}


class Watcher:
    """Keeps what the kernel says of components."""

    def __init__(self) -> None:
        self.failed: list[tuple[str, str]] = []

    @hookimpl
    def signalpy_component_failed(self, component: PluginInfo, error: BaseException) -> None:
        assert isinstance(error, BaseException)
        self.failed.append((component.name, component.reason))


def _installed(site: Site, source: str) -> Site:
    points = "[signalpy.components]\n{} = {}\n"
    site.install("signalpy-good", entry_points=points.format("good", "good:Good"), modules={"good.py": GOOD})
    site.install(
        "signalpy-broken", entry_points=points.format("broken", "broken:Service"), modules={"broken.py": HEAD + source}
    )
    return site


def _info(kernel: Kernel, name: str) -> PluginInfo:
    return next(info for info in kernel.plugins() if info.name == name)


def _events() -> list[str]:
    """What the good component has gone through."""
    return getattr(sys.modules.get("good"), "EVENTS", [])


def _strays() -> list[str]:
    return [task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()]


@pytest.mark.parametrize("how", BROKEN)
async def test_the_others_go_on_and_it_is_named_with_its_reason(
    importable: Site, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A component that fails at any step is kept with state and reason, logged and told, and nothing else suffers."""
    source, words = BROKEN[how]
    _installed(importable, source)
    kernel, watcher = Kernel(CONFIG), Watcher()
    kernel.hooks.register(watcher)
    async with kernel:
        info = _info(kernel, "broken")
        if not words:
            assert State.ACTIVE is info.state, info.reason
        else:
            assert (State.FAILED, "signalpy-broken") == (info.state, info.distribution)
            assert words in info.reason
            assert "\n" not in info.reason
            assert words in kernel.why("broken")
            assert [("broken", info.reason)] == watcher.failed
            assert [
                info.reason in record.getMessage() for record in caplog.records if "'broken'" in record.getMessage()
            ]
            with pytest.raises(ComponentUnavailable) as found:
                await kernel.bus.invoke("broken.ping")
            assert words in str(found.value)
        assert State.ACTIVE is _info(kernel, "good").state
        assert "pong" == await kernel.bus.invoke("good.ping")
    assert ["activate", "deactivate"] == _events()
    assert [] == _strays()


async def test_an_entry_point_without_a_class_is_told(importable: Site) -> None:
    """The reason is what is wrong with the metadata; no step was reached."""
    points = "[signalpy.components]\nbroken = broken\n"
    importable.install("signalpy-broken", entry_points=points, modules={"broken.py": HEAD + SERVICE})
    async with Kernel(CONFIG) as kernel:
        assert """failed: its entry point says 'broken', expected "module:Class\"""" == kernel.why("broken")


@pytest.mark.parametrize("declared_by", ["the configuration", "its distribution"])
@pytest.mark.parametrize("how", [how for how, (_, words) in BROKEN.items() if words])
async def test_without_an_essential_component_nothing_starts(importable: Site, how: str, declared_by: str) -> None:
    """The error names the component and why; whatever had started is stopped again."""
    source, words = BROKEN[how]
    _installed(importable, source)
    config = CONFIG
    if declared_by == "the configuration":
        config = {**CONFIG, "plugins": {**CONFIG["plugins"], "required": ["broken"]}}
    else:
        importable.install(
            "signalpy-broken",
            entry_points="".join(
                f"[signalpy.{group}]\nbroken = broken:Service\n" for group in ("components", "essential")
            ),
        )
    kernel = Kernel(config)
    with pytest.raises(BootError) as found:
        await kernel.boot()
    assert "broken" == found.value.__dict__["component"]
    assert words in found.value.__dict__["why"]
    assert "component 'broken' is essential and does not start: failed on " in str(found.value)
    assert _events() in ([], ["activate", "deactivate"])
    assert State.ACTIVE not in {info.state for info in kernel.plugins()}
    assert [] == _strays()
    assert [] == [thread.name for thread in threading.enumerate() if thread.name.startswith("signalpy")]
    await kernel.shutdown()


async def test_an_essential_component_that_is_not_there_stops_everything(importable: Site) -> None:
    """What is required and not installed is an error too, with the nearest name."""
    _installed(importable, SERVICE)
    kernel = Kernel(
        {"plugins": {"allow": ["signalpy-*"], "deny": ["signalpy-audit*", "signalpy-acc*"], "required": ["brokn"]}}
    )
    with pytest.raises(BootError, match=r"component 'brokn' is essential .* Did you mean 'broken'"):
        await kernel.boot()
    assert [] == _strays()


class Released(logging.Handler):
    """Lets go of what hangs as soon as the watchdog has named it."""

    def __init__(self, release: Callable[[], object]) -> None:
        super().__init__()
        self.let_go = release
        self.named: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.named.append(record.getMessage())
        self.let_go()


@pytest.fixture
def watched() -> Any:
    """Puts a handler on the watchdog's log for one test."""
    handlers: list[logging.Handler] = []
    log = logging.getLogger("signalpy.watchdog")

    def watch(release: Callable[[], object]) -> Released:
        handler = Released(release)
        handlers.append(handler)
        log.addHandler(handler)
        return handler

    yield watch
    for handler in handlers:
        log.removeHandler(handler)


HANGS = {
    "import": "import gate; gate.OPEN.wait()\n" + SERVICE,
    "making": "import gate\n" + _service("def __init__(self):\n    gate.OPEN.wait()"),
    "activate": "import gate\n" + _activate("gate.OPEN.wait()"),
    "late activate": "import gate\n"
    + _activate("while not gate.OPEN.is_set(): await asyncio.sleep(0.01)", "async def"),
    "deactivate": "import gate\n"
    + _service(
        "@lifecycle.deactivate\nasync def stop(self):\n    while not gate.OPEN.is_set(): await asyncio.sleep(0.01)"
    ),
}


@pytest.mark.parametrize(
    ("where", "named"),
    [
        ("import", "import of component 'broken' (broken:Service)"),
        ("making", "making component 'broken'"),
        ("activate", "activate of component 'broken'"),
        ("late activate", "activate of component 'broken'"),
        ("deactivate", "deactivate of component 'broken'"),
    ],
)
async def test_a_step_that_takes_for_ever_is_named_and_not_interrupted(
    importable: Site, watched: Any, where: str, named: str
) -> None:
    """The watchdog says in the log what hangs; when it ends after all, everything goes on as if nothing had been."""
    _installed(importable, HANGS[where])
    importable.install("signalpy-gate", modules={"gate.py": "import threading\nOPEN = threading.Event()\n"})

    def open_the_gate() -> None:
        sys.modules["gate"].__dict__["OPEN"].set()

    handler = watched(open_the_gate)
    kernel = Kernel(CONFIG)
    kernel.watchdog.limit = 0.05
    async with asyncio.timeout(30), kernel:
        assert State.ACTIVE is _info(kernel, "broken").state
        assert "pong" == await kernel.bus.invoke("broken.ping")
    assert [f"{named} takes more than 0.05 s; it is not interrupted"] == handler.named
    assert ["activate", "deactivate"] == _events()


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("raise RuntimeError('stuck')", "deactivate failed: RuntimeError: stuck"),
        ("sys.exit(4)", "deactivate failed: SystemExit: 4"),
        ("raise asyncio.CancelledError", "deactivate failed: CancelledError"),
        ("raise Odd('strange')", "deactivate failed: Odd: strange"),
        ("raise Mute", "deactivate failed: Mute"),
        ("return asyncio.sleep(0)", "deactivate failed: TypeError"),
        ("self.rt.nothing", "deactivate failed: AttributeError"),
    ],
)
@pytest.mark.parametrize("kind", ["def", "async def"])
async def test_a_component_that_fails_to_stop_is_told_and_gone(
    importable: Site, statement: str, told: str, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever ``deactivate`` raises, the component is stopped, and the reason is kept, logged and told."""
    if kind == "async def" and statement.startswith("return"):
        kind = "def"
    _installed(importable, _service(f"@lifecycle.deactivate\n{kind} stop(self):\n    {statement}"))
    kernel, watcher = Kernel(CONFIG), Watcher()
    kernel.hooks.register(watcher)
    async with kernel:
        await kernel.remove("broken")
        info = _info(kernel, "broken")
        assert State.STOPPED is info.state
        assert told in info.reason
        assert [("broken", info.reason)] == watcher.failed
        assert [record for record in caplog.records if told in record.getMessage() and "broken" in record.getMessage()]
        assert {} == kernel.ledger("broken")
        assert "pong" == await kernel.bus.invoke("good.ping")
    assert ["activate", "deactivate"] == _events()
    assert [] == _strays()


@pytest.mark.parametrize(
    "statement", ["raise RuntimeError", "sys.exit(4)", "raise asyncio.CancelledError", "raise Odd"]
)
async def test_a_component_that_fails_to_stop_does_not_keep_the_kernel_from_it(
    importable: Site, statement: str
) -> None:
    """At shutdown the others are stopped in their order, whatever one of them raises."""
    _installed(importable, _service(f"@lifecycle.deactivate\nasync def stop(self):\n    {statement}"))
    kernel = Kernel(CONFIG)
    await kernel.boot()
    await kernel.shutdown()
    assert ["activate", "deactivate"] == _events()
    assert {State.STOPPED} == {
        info.state for info in kernel.plugins() if info.distribution in CONFIG["plugins"]["allow"]
    }
    assert [] == _strays()
