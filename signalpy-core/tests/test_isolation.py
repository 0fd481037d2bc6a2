"""The operator's word on failing and slow interceptors: how it is read, what it does, and what of it is told."""

from __future__ import annotations

import asyncio
import logging
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from signalpy import ConfigError, HookError, Kernel, Refused, component, hookimpl, runnable, subscribe
from signalpy.configuration import load
from signalpy.isolation import HookSettings, Isolation, problem

if TYPE_CHECKING:
    from conftest import Site


@component("shop", version="1.0")
class Shop:
    def __init__(self) -> None:
        self.sold: list[Any] = []

    @runnable("buy")
    async def buy(self) -> str:
        return "bought"

    @subscribe("sold")
    def on_sold(self, event_type: str, data: Any) -> None:
        self.sold.append(data)


@component("rules", version="3.1")
class Rules:
    """Its interceptor of calls fails; that of events sleeps. Its author says nothing of either."""

    rest = 0.0

    @hookimpl
    async def signalpy_invoke(self, call: Any, proceed: Any) -> Any:
        raise OSError("rules cannot be read")

    @hookimpl
    async def signalpy_publish(self, event: Any, proceed: Any) -> None:
        await asyncio.sleep(self.rest)
        await proceed()


@component("guard", version="1.2")
class Guard:
    """Its author says that its failure refuses a call."""

    @hookimpl(on_error="deny", timeout=0.01)
    async def signalpy_invoke(self, call: Any, proceed: Any) -> Any:
        await asyncio.sleep(0.05)
        raise OSError("guard broke")


def running(*classes: type, **hooks: Any) -> Kernel:
    kernel = Kernel({"kernel": {"hooks": hooks}})
    kernel.discover([Shop, *classes])
    return kernel


class TestProblem:
    @pytest.mark.parametrize(
        ("tables", "key", "words"),
        [
            (
                {"rules": {"on_eror": "deny"}},
                "rules.on_eror",
                "[kernel.hooks.rules] has no key 'on_eror'. Did you mean",
            ),
            (
                {"rules": {"signalpy_invok": {}}},
                "rules.signalpy_invok",
                "has no key 'signalpy_invok'. Did you mean 'signalpy_invoke' or",
            ),
            ({"rules": {"zzz": 1}}, "rules.zzz", "Known keys: on_error, timeout, signalpy_invoke, signalpy_publish."),
            ({"rules": {"on_error": "pass"}}, "rules.on_error", 'on_error: expected "raise", "isolate" or "deny"'),
            ({"rules": {"on_error": ["deny"]}}, "rules.on_error", 'on_error: expected "raise"'),
            ({"rules": {"timeout": 0}}, "rules.timeout", "timeout: expected a positive number of seconds, or inf"),
            ({"rules": {"timeout": True}}, "rules.timeout", "timeout: expected a positive number"),
            ({"rules": {"timeout": float("nan")}}, "rules.timeout", "timeout: expected a positive number"),
            ({"rules": {"timeout": "5"}}, "rules.timeout", "timeout: expected a positive number"),
            ({"rules": "deny"}, "rules", "[kernel.hooks] rules: expected a table, found a text"),
            ("deny", "", "[kernel] hooks: expected a table of tables, found a text"),
            (
                {"rules": {"signalpy_record": {"on_error": "isolate"}}},
                "rules.signalpy_record",
                "what a recorder raises stops the operation, and nothing can change that",
            ),
            (
                {"rules": {"signalpy_invoke": {"on_error": "pass"}}},
                "rules.signalpy_invoke.on_error",
                "[kernel.hooks.rules.signalpy_invoke] on_error: expected",
            ),
            (
                {"rules": {"signalpy_invoke": {"signalpy_publish": {}}}},
                "rules.signalpy_invoke.signalpy_publish",
                "Known keys: on_error, timeout.",
            ),
        ],
    )
    def test_one_line_names_the_place_and_no_value(self, tables: Any, key: str, words: str) -> None:
        """Wrong keys with the nearest known one, wrong values with what is expected; so says the error."""
        found = problem(tables)
        assert found is not None
        assert key == found[0]
        assert words in found[1]
        with pytest.raises(ConfigError) as caught:
            load({"kernel": {"hooks": tables}}, environ={})
        assert found[1] == str(caught.value)
        assert f"kernel.hooks.{key}".rstrip(".") == caught.value.__dict__["key"]

    def test_nothing_is_wrong_with_what_is_right(self) -> None:
        """Every key and value there is."""
        right = {"a": {"on_error": "isolate", "timeout": 1, "signalpy_publish": {"on_error": "deny", "timeout": inf}}}
        assert None is problem(right)
        assert None is problem({})

    def test_the_variable_or_the_file_is_named(self, tmp_path: Path) -> None:
        """A wrong value is told with the place that a person has to change."""
        file = tmp_path / "signalpy.toml"
        file.write_text("[kernel.hooks.audit-trail]\ntimeout = -1\n")
        with pytest.raises(ConfigError, match=r"signalpy.toml: \[kernel.hooks.audit-trail\] timeout"):
            load(file, environ={})
        file.write_text("")
        variable = "SIGNALPY__KERNEL__HOOKS__AUDIT_TRAIL__ON_ERROR"
        with pytest.raises(ConfigError, match=rf"^{variable}: \[kernel.hooks.audit-trail\] on_error: expected"):
            load(file, environ={variable: "pass"})


class TestHookSettings:
    def test_a_hooks_own_table_beats_that_of_the_component_key_by_key(self) -> None:
        """What it leaves open is taken from around it."""
        found = load(
            {"kernel": {"hooks": {"a": {"on_error": "isolate", "timeout": 1, "signalpy_publish": {"timeout": 2}}}}},
            environ={},
        ).kernel.hooks["a"]
        assert Isolation("isolate", 1) == found.of("signalpy_invoke")
        assert Isolation("isolate", 2) == found.of("signalpy_publish")
        assert ["signalpy_publish"] == list(found.named())
        assert ("timeout", "signalpy_publish.timeout") == (
            found.key_of("signalpy_invoke", "timeout"),
            found.key_of("signalpy_publish", "timeout"),
        )

    def test_what_is_left_out_says_nothing(self) -> None:
        """An empty table leaves everything to the author."""
        assert Isolation() == HookSettings().of("signalpy_invoke")


class TestInForce:
    async def test_a_failing_interceptor_is_passed_over(self, caplog: pytest.LogCaptureFixture) -> None:
        """on_error of the file counts where the author said nothing; the log names plugin, version and hook."""
        async with running(Rules) as kernel:
            with pytest.raises(OSError, match="cannot be read"):
                await kernel.bus.invoke("shop.buy")
        async with running(Rules, rules={"on_error": "isolate"}) as kernel:
            assert {} == kernel.hooks.passed_over()
            assert "bought" == await kernel.bus.invoke("shop.buy")
            assert "bought" == await kernel.bus.invoke("shop.buy")
            assert {"rules 3.1 (signalpy_invoke)": 2} == kernel.hooks.passed_over()
        assert "hook rules 3.1 (signalpy_invoke) failed and is passed over" in caplog.messages
        assert not any("its author says" in message for message in caplog.messages)

    async def test_a_failing_interceptor_refuses(self) -> None:
        """on_error = "deny" makes a Refused of any failure."""
        async with running(Rules, rules={"signalpy_invoke": {"on_error": "deny"}}) as kernel:
            with pytest.raises(Refused, match=r"rules 3\.1 \(signalpy_invoke\) failed, and its failure denies"):
                await kernel.bus.invoke("shop.buy")

    async def test_a_slow_interceptor_is_cut_off(self) -> None:
        """timeout of the file; the error names plugin, version and hook, and the event reaches nobody."""
        async with running(Rules, rules={"signalpy_publish": {"timeout": 0.02}}) as kernel:
            kernel.get("rules").rest = 5
            with pytest.raises(TimeoutError) as caught:
                await kernel.bus.publish("sold", {})
            assert "rules 3.1 (signalpy_publish) took more than 0.02 s of its own" == str(caught.value)
            assert ["raised by hook signalpy_publish of plugin rules 3.1"] == caught.value.__notes__
            assert [] == kernel.get("shop").sold
            kernel.get("rules").rest = 0

    async def test_a_slow_interceptor_that_is_isolated_is_passed_over(self) -> None:
        """The event reaches its subscriber once, without the interceptor."""
        async with running(Rules, rules={"on_error": "isolate", "timeout": 0.02}) as kernel:
            kernel.get("rules").rest = 5
            await kernel.bus.publish("sold", {"n": 1})
            assert [{"n": 1}] == kernel.get("shop").sold
            kernel.get("rules").rest = 0

    async def test_no_limit_beats_that_of_the_author(self) -> None:
        """timeout = inf; its on_error stays the author's, and so the failure that follows denies."""
        async with running(Guard) as kernel:
            with pytest.raises(Refused) as caught:
                await kernel.bus.invoke("shop.buy")
            assert "guard 1.2 (signalpy_invoke) took more than 0.01 s of its own" == str(caught.value.__cause__)
        async with running(Guard, guard={"timeout": inf}) as kernel:
            with pytest.raises(Refused) as caught:
                await kernel.bus.invoke("shop.buy")
            assert "guard broke" == str(caught.value.__cause__)

    async def test_a_component_that_takes_anothers_place_is_under_the_same_word(self) -> None:
        """The table is of the name, whichever version runs."""

        @component("rules", version="4")
        class Newer(Rules): ...

        async with running(Rules, rules={"on_error": "isolate"}) as kernel:
            await kernel.replace(Newer)
            assert "bought" == await kernel.bus.invoke("shop.buy")
            assert {"rules 4 (signalpy_invoke)": 1} == kernel.hooks.passed_over()

    async def test_an_interceptor_that_has_cut_the_call_short_is_not_passed_over(self) -> None:
        """There is nothing to go on with: the caller gets the interceptor's error, and no stray cancellation."""

        @component("slow", version="1")
        class Slow:
            @runnable("go")
            async def go(self) -> None:
                await asyncio.sleep(5)

        @component("limit", version="1")
        class Limit:
            @hookimpl(targets=["slow.go"])
            async def signalpy_invoke(self, call: Any, proceed: Any) -> Any:
                return await asyncio.wait_for(proceed(), 0.02)

        async with running(Slow, Limit, limit={"on_error": "isolate"}) as kernel:
            with pytest.raises(TimeoutError) as caught:
                await kernel.bus.invoke("slow.go")
        assert ["raised by hook signalpy_invoke of plugin limit 1"] == caught.value.__notes__

    async def test_an_object_that_is_registered_has_a_table_too(self) -> None:
        """Under the name that it was registered by."""

        class Late:
            @hookimpl
            async def signalpy_invoke(self, call: Any, proceed: Any) -> Any:
                raise OSError("late")

        async with running(late={"on_error": "isolate"}) as kernel:
            kernel.hooks.register(Late(), "late")
            assert "bought" == await kernel.bus.invoke("shop.buy")

    async def test_what_the_author_wants_to_stop_the_operation_is_passed_over_loudly(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A warning at the start, and the event kernel.started names it: a trail keeps that it was so."""
        started: list[Any] = []

        @component("log", version="1")
        class Log:
            @subscribe("kernel.started")
            def on(self, event_type: str, data: Any) -> None:
                started.append(data)

        async with running(Guard, Log, guard={"on_error": "isolate"}) as kernel:
            assert "bought" == await kernel.bus.invoke("shop.buy")
            told = "its signalpy_invoke is passed over on failure, as [kernel.hooks] has it"
            assert told in kernel.why("guard")
            assert told not in kernel.why("shop")
        [warning] = [record for record in caplog.records if "its author says" in record.getMessage()]
        assert logging.WARNING == warning.levelno
        assert "hook guard 1.2 (signalpy_invoke) is passed over when it fails" in warning.getMessage()
        assert ["guard 1.2 (signalpy_invoke)"] == started[0]["weakened"]

    async def test_what_records_cannot_be_passed_over(self, caplog: pytest.LogCaptureFixture) -> None:
        """Neither its recorder nor its other hooks; a timeout can be set, and what of the word is left out is said."""

        @component("log", version="1")
        class Log:
            rest = 0.0

            @hookimpl
            async def signalpy_record(self, operation: Any, proceed: Any) -> Any:
                return await proceed()

            @hookimpl
            async def signalpy_publish(self, event: Any, proceed: Any) -> None:
                if event.name == "sold":
                    await asyncio.sleep(self.rest)
                    raise OSError("not written")
                await proceed()

        async with running(Log, log={"on_error": "isolate", "timeout": 0.02}) as kernel:
            with pytest.raises(OSError, match="not written"):
                await kernel.bus.publish("sold", {})
            kernel.get("log").rest = 5
            with pytest.raises(TimeoutError):
                await kernel.bus.publish("sold", {})
            assert [] == kernel.get("shop").sold
            assert [] == kernel.hooks.weakened()
        [told] = [message for message in caplog.messages if message.startswith("[kernel.hooks.log]")]
        assert 'on_error = "isolate" counts for nothing: it records' in told

    async def test_errors_name_the_distribution_and_its_version(self, importable: Site) -> None:
        """The version of the distribution counts, and where its name is not the component's it is told as well."""
        source = (
            "from signalpy import component, hookimpl\n@component('rule-book', version='9')\nclass X:\n"
            "    @hookimpl\n"
            "    async def signalpy_invoke(self, call, proceed): raise OSError('no')\n"
        )
        importable.install(
            "acme-rules",
            "2.5",
            entry_points="[signalpy.components]\nrule-book = acme_rules:X\n",
            modules={"acme_rules.py": source},
        )
        kernel = Kernel({"plugins": {"allow": ["acme-*"]}})
        kernel.discover(["rule-book"])
        kernel.discover([Shop])
        async with kernel:
            with pytest.raises(OSError, match="no") as caught:
                await kernel.bus.invoke("shop.buy")
        assert ["raised by hook signalpy_invoke of plugin rule-book 2.5 of acme-rules"] == caught.value.__notes__

    async def test_what_a_recorder_or_a_notice_raises_names_it_as_well(
        self, importable: Site, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A recorder by the note on its error, a notice by the log line, with version and distribution."""
        source = (
            "from signalpy import component, hookimpl\n@component('log-book', version='9')\nclass X:\n"
            "    @hookimpl\n"
            "    async def signalpy_record(self, operation, proceed):\n"
            "        if operation.name == 'shop.buy': raise OSError('no')\n"
            "        return await proceed()\n"
            "    @hookimpl\n"
            "    def signalpy_policy_changed(self, before, after): raise OSError('no')\n"
        )
        importable.install(
            "acme-logs",
            "2.5",
            entry_points="[signalpy.components]\nlog-book = acme_logs:X\n",
            modules={"acme_logs.py": source},
        )
        kernel = Kernel({"plugins": {"allow": ["acme-*"]}})
        kernel.discover(["log-book"])
        kernel.discover([Shop])
        async with kernel:
            with pytest.raises(OSError, match="no") as caught:
                await kernel.bus.invoke("shop.buy")
            kernel.set_policy("shop", {"audit": True})
        assert ["raised by hook signalpy_record of plugin log-book 2.5 of acme-logs"] == caught.value.__notes__
        assert "hook log-book 2.5 of acme-logs (signalpy_policy_changed) failed" in caplog.messages

    async def test_a_system_exit_out_of_a_hook_names_it(self) -> None:
        """Also what is no Exception carries the note."""

        class Leaving:
            @hookimpl
            async def signalpy_invoke(self, call: Any, proceed: Any) -> Any:
                raise SystemExit(3)

        async with running() as kernel:
            kernel.hooks.register(Leaving())
            with pytest.raises(SystemExit) as caught:
                await kernel.bus.invoke("shop.buy")
        assert ["raised by hook signalpy_invoke of plugin Leaving"] == caught.value.__notes__

    async def test_a_proceed_that_comes_too_late_names_the_hook(self) -> None:
        """The error is raised in a task of the hook's own, where no note would reach it."""
        caught: list[HookError] = []
        done = asyncio.Event()

        @component("loose", version="1.1")
        class Loose:
            @hookimpl
            async def signalpy_invoke(self, call: Any, proceed: Any) -> Any:
                async def late() -> None:
                    await asyncio.sleep(0.01)
                    try:
                        await proceed()
                    except HookError as error:
                        caught.append(error)
                    done.set()

                self.task = asyncio.create_task(late())
                return "early"

        async with running(Loose) as kernel:
            assert "early" == await kernel.bus.invoke("shop.buy")
            await done.wait()
        assert ("loose", "signalpy_invoke") == (caught[0].__dict__["plugin"], caught[0].__dict__["hook"])
        assert "loose 1.1 (signalpy_invoke) called proceed() after it had ended. Await it inside." == str(caught[0])


class TestReload:
    async def test_it_counts_from_the_next_operation_on(self, tmp_path: Path) -> None:
        """The change is told as in force at once; what runs keeps the chain it started with; no component restarts."""
        file = tmp_path / "signalpy.toml"
        file.write_text("")
        kernel = Kernel(file)
        kernel.discover([Shop, Rules])
        async with kernel:
            kernel.get("rules").rest = 0.2
            under_way = asyncio.create_task(kernel.bus.publish("sold", {"n": 1}))
            await asyncio.sleep(0)
            rules = kernel.get("rules")
            file.write_text("[kernel.hooks.rules]\non_error = 'isolate'\ntimeout = 0.02\n")
            changed = await kernel.reload()
            assert (("kernel.hooks",), ()) == (changed.at_once, changed.pending)
            assert "bought" == await kernel.bus.invoke("shop.buy")
            await under_way
            assert rules is kernel.get("rules")
            file.write_text("")
            await kernel.reload()
            with pytest.raises(OSError, match="cannot be read"):
                await kernel.bus.invoke("shop.buy")
            rules.rest = 0
            assert [{"n": 1}] == kernel.get("shop").sold

    @pytest.mark.parametrize("wrong", ["on_error = 'pass'", "timeout = 0", "on_eror = 'deny'", "signalpy_record = {}"])
    async def test_a_wrong_one_changes_nothing(self, tmp_path: Path, wrong: str) -> None:
        """It is refused in one line, and what was in force stays."""
        file = tmp_path / "signalpy.toml"
        file.write_text("[kernel.hooks.rules]\non_error = 'isolate'\n")
        kernel = Kernel(file)
        kernel.discover([Shop, Rules])
        async with kernel:
            file.write_text(f"[kernel.hooks.rules]\n{wrong}\n")
            with pytest.raises(ConfigError, match=r"signalpy.toml: \[kernel.hooks.rules\] "):
                await kernel.reload()
            assert "bought" == await kernel.bus.invoke("shop.buy")


class TestCountsForNothing:
    @pytest.mark.parametrize(
        ("hooks", "words"),
        [
            (
                {"rulez": {}},
                "rulez] counts for nothing so far: no component and no registered object has this name. Did you m",
            ),
            ({"shop": {"timeout": 1}}, "shop] counts for nothing so far: the component has no interceptor"),
            (
                {"guard": {"signalpy_publish": {"timeout": 1}}},
                "guard] counts for nothing so far: it has no signalpy_publish, only signalpy_invoke",
            ),
        ],
    )
    async def test_a_word_on_what_is_not_there_is_a_warning(
        self, hooks: Any, words: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        """One line at boot, with the nearest name."""
        async with running(Rules, Guard, **hooks):
            pass
        [found] = [message for message in caplog.messages if "counts for nothing" in message]
        assert words in found

    async def test_a_word_on_what_is_there_is_none(self, caplog: pytest.LogCaptureFixture) -> None:
        """Neither for a hook that a component has, nor for a component that is known and denied."""
        kernel = Kernel(
            {"plugins": {"deny": ["guard"]}, "kernel": {"hooks": {"rules": {"timeout": 1}, "guard": {"timeout": 1}}}}
        )
        kernel.discover([Shop, Rules, Guard])
        async with kernel:
            assert "counts for nothing" not in caplog.text
