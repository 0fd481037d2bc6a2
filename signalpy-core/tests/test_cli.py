"""The command line as a process: commands, options, errors, exit codes, and what is imported for it."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

import pytest

from signalpy import __version__
from signalpy.cli.summaries import SUMMARIES

if TYPE_CHECKING:
    from conftest import Site

SHOP = '''
import sys
from datetime import date
from decimal import Decimal

from pydantic import BaseModel, Field
from signalpy import component, lifecycle, optional, provides, requires, runnable, subscribe, hookimpl


NAN = float("nan")


class Buy(BaseModel):
    """What is bought."""

    item: str
    count: int = 1


class Settings(BaseModel):
    currency: str = "EUR"
    taxes: dict[str, int] = Field(default_factory=dict)


@component("shop", version="2.1", depends=["config"], settings=Settings, emits=["shop.*"])
@provides("IShop")
@requires(config="IConfig", cache=optional("ICache"))
class Shop:
    """Sells things."""

    @runnable("buy", params=Buy, description="Buys an item")
    async def buy(self, params):
        if params.item == "poison":
            return {"error": "we do not sell poison"}
        if params.item == "bomb":
            raise ValueError("a bomb\\nfor two lines")
        await self.rt.publish("shop.sold", {"item": params.item})
        return {"item": params.item, "price": Decimal("1.50"), "on": date(2026, 1, 31), "odd": object(), "nan": NAN}

    @runnable("stock", thread=True)
    def stock(self):
        return ["apple", "ähre"]

    @runnable("echo")
    async def echo(self, params):
        return params

    @subscribe("shop.*", description="Counts sales", background=True)
    def sold(self, event_type, data): ...

    @hookimpl(targets=["shop.buy"])
    async def signalpy_invoke(self, call, proceed):
        return await proceed()
'''

COMMANDS = """
import click

@click.group()
def tools(): ...

@tools.command()
@click.option("--fail", type=click.Choice(["usage", "click", "bug", "signalpy", "exit"]))
def use(fail):
    from signalpy.cli import options
    from signalpy.errors import ConfigError
    if fail == "usage":
        raise click.UsageError("wrong\\nusage")
    if fail == "click":
        raise click.ClickException("broken")
    if fail == "bug":
        raise KeyError("bug")
    if fail == "signalpy":
        raise ConfigError("two\\nlines")
    if fail == "exit":
        raise SystemExit(7)
    click.echo(options().configuration.tables)
"""


ENTRY_POINTS = """
[signalpy.components]
shop = signalpy_shop:Shop
[signalpy.commands]
tools = signalpy_shop_cli:tools
"""


@pytest.fixture
def shop(site: Site) -> Site:
    """A shop that is installed, and a configuration that lets nothing else in."""
    site.install(
        "signalpy-shop",
        "2.1",
        entry_points=ENTRY_POINTS,
        modules={"signalpy_shop.py": SHOP, "signalpy_shop_cli.py": site.tattling() + COMMANDS},
        metadata="Summary: A shop\n",
    )
    (site.root.parent / "signalpy.toml").write_text('[plugins]\nallow = ["signalpy-shop"]\n')
    return site


def one_line(result: subprocess.CompletedProcess[str]) -> str:
    """What stands on stderr, which must be one line."""
    lines = result.stderr.splitlines()
    assert 1 == len(lines), result.stderr
    return lines[0]


class TestHelp:
    def test_it_lists_all_commands(self, shop: Site) -> None:
        """The built-in commands and the groups of plugins, these with what their metadata says."""
        result = shop.signalpy("--help")
        assert 0 == result.returncode
        for name in ("describe", "graph", "hooks", "invoke", "plugins", "run", "why"):
            assert f"\n  {name} " in result.stdout
        assert "Commands of plugins:\n  tools  A shop (signalpy-shop)" in result.stdout
        assert not shop.imported

    def test_it_imports_no_plugin_and_nothing_heavy(self, shop: Site) -> None:
        """Help reads metadata only, and stays clear of all that takes long to import."""
        code = (
            "import sys\nfrom signalpy.cli import root\n"
            "root(['--help'], standalone_mode=False)\n"
            "print(*sys.modules, file=sys.stderr)"
        )
        environ = {"PYTHONPATH": str(shop.root), "PATH": ""}
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environ, check=True)
        modules = set(result.stderr.split())
        heavy = {"asyncio", "email", "importlib_metadata", "logging", "msgspec", "packaging", "pydantic", "tomllib"}
        assert not {*heavy, "signalpy_shop", "signalpy_shop_cli", "signalpy.kernel", "signalpy.cli.run"} & modules

    def test_what_it_says_of_a_command_is_what_the_command_says(self, shop: Site) -> None:
        """Each line is the beginning of that command's own help, and no command of the core is without."""
        points = entry_points(group="signalpy.commands")
        commands = {point.name: point.load() for point in points if point.module.startswith("signalpy.")}
        assert {name: command.get_short_help_str(limit=200) for name, command in commands.items()} == SUMMARIES

    @pytest.mark.parametrize(
        "arguments",
        [["--help"], ["plugins"], ["why", "shop"], ["tools", "use"], ["describe", "shop"], ["invoke", "shop.stock"]],
    )
    def test_the_metadata_is_read_once(self, shop: Site, arguments: list[str]) -> None:
        """Whatever a command wants to know of installed distributions, it opens a file of theirs once."""
        code = (
            "import sys\nopened = []\n"
            "def note(event, args):\n"
            "    if event == 'open' and str(args[0]).endswith(('METADATA', 'entry_points.txt')):\n"
            "        opened.append(str(args[0]))\n"
            "sys.addaudithook(note)\n"
            "from signalpy.cli import root\n"
            f"root({arguments!r}, standalone_mode=False)\n"
            "print(*opened, sep='\\n', file=sys.stderr)"
        )
        environ = {"PYTHONPATH": str(shop.root), "PATH": "", "PYDANTIC_DISABLE_PLUGINS": "__all__"}
        result = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, env=environ, cwd=shop.root.parent
        )
        opened = [line for line in result.stderr.splitlines() if line.startswith("/")]
        assert f"{shop.root}/signalpy_shop-2.1.dist-info/METADATA" in opened
        assert sorted(set(opened)) == sorted(opened)

    def test_no_arguments_show_it(self, shop: Site) -> None:
        """Nothing to do is wrong usage, and the help is shown."""
        result = shop.signalpy()
        assert 2 == result.returncode
        assert "Commands:" in result.stderr

    def test_a_broken_configuration_leaves_plugins_out(self, shop: Site) -> None:
        """Help works with a configuration that does not, and says what is missing and why."""
        result = shop.signalpy("--help", "-c", "missing.toml")
        assert 0 == result.returncode
        assert "tools" not in result.stdout
        assert "missing.toml: cannot read the configuration" in one_line(result)

    def test_each_command_has_help(self, shop: Site) -> None:
        """Every built-in command explains itself."""
        for name in ("describe", "graph", "hooks", "invoke", "plugins", "run", "why"):
            result = shop.signalpy(name, "--help")
            assert 0 == result.returncode
            assert f"Usage: python -m signalpy {name}" in result.stdout or f"Usage: signalpy {name}" in result.stdout


class TestUsage:
    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["nonsense"], "There is no command 'nonsense'."),
            (["plugns"], "There is no command 'plugns'. Did you mean 'plugins'"),
            (["--nonsense"], "No such option"),
            (["plugins", "--nonsense"], "See: signalpy plugins --help"),
            (["invoke"], "Missing argument 'TARGET'"),
            (["graph", "--format", "png"], "'png' is not one of"),
            (["plugins", "-c"], "requires an argument"),
        ],
    )
    def test_wrong_usage_is_one_line_and_2(self, shop: Site, arguments: list[str], words: str) -> None:
        """What is wrong and where the help is, on one line; exit code 2."""
        result = shop.signalpy(*arguments)
        assert 2 == result.returncode
        assert words in one_line(result)
        assert "" == result.stdout

    @pytest.mark.parametrize(
        "arguments",
        [
            ["-c", "other.toml", "tools", "use"],
            ["tools", "-c", "other.toml", "use"],
            ["tools", "use", "--config", "other.toml"],
            ["tools", "use", "--config=other.toml"],
            ["tools", "use", "-cother.toml"],
        ],
    )
    def test_the_configuration_may_be_named_anywhere(self, shop: Site, arguments: list[str]) -> None:
        """Before the command, inside it and after it; a plugin's command reads the same configuration."""
        (shop.root.parent / "other.toml").write_text('[plugins]\nallow = ["signalpy-shop"]\n[marker]\nx = 1\n')
        result = shop.signalpy(*arguments)
        assert "{'marker': {'x': 1}}\n" == result.stdout
        assert 0 == result.returncode

    def test_what_follows_two_dashes_stays(self, shop: Site) -> None:
        """After `--` nothing is an option."""
        result = shop.signalpy("why", "--", "--debug")
        assert "--debug: unknown" in one_line(result)

    def test_the_file_of_the_working_directory(self, shop: Site) -> None:
        """Without -c the signalpy.toml of the working directory counts, if there is one."""
        empty = shop.root.parent / "empty"
        empty.mkdir()
        assert "signalpy-shop" in shop.signalpy("plugins", cwd=empty).stdout
        (shop.root.parent / "signalpy.toml").write_text("[plugins]\nallow = []\n")
        assert "denied" in shop.signalpy("plugins").stdout

    def test_the_environment_counts(self, shop: Site) -> None:
        """Variables are laid over the file."""
        result = shop.signalpy("why", "shop", SIGNALPY__PLUGINS__DENY='["shop"]')
        assert "shop: denied: [plugins] deny has 'shop' (signalpy-shop 2.1).\n" == result.stdout


class TestErrors:
    def test_configuration(self, shop: Site) -> None:
        """A wrong configuration ends any command with one line and 2."""
        (shop.root.parent / "signalpy.toml").write_text("[kernel]\nqueue_siz = 1\n")
        for command in (["plugins"], ["why", "shop"], ["invoke", "shop.stock"], ["run"], ["graph"], ["tools", "use"]):
            result = shop.signalpy(*command)
            assert 2 == result.returncode
            assert "signalpy: signalpy.toml: [kernel] has no key 'queue_siz'. Did you mean 'queue_size'" in one_line(
                result
            )

    def test_debug_shows_the_traceback(self, shop: Site) -> None:
        """With --debug, anywhere, the traceback comes first."""
        for arguments in (["--debug", "plugins"], ["plugins", "--debug"]):
            result = shop.signalpy(*arguments, "-c", "missing.toml")
            assert result.stderr.startswith("Traceback (most recent call last)")
            assert "signalpy: missing.toml" in result.stderr.splitlines()[-1]
            assert 2 == result.returncode

    @pytest.mark.parametrize(
        ("kind", "code", "words"),
        [
            ("usage", 2, "signalpy: wrong usage. See: "),
            ("click", 1, "Error: broken"),
            ("bug", 2, "signalpy: KeyError: 'bug' (--debug shows where)"),
            ("signalpy", 2, "signalpy: two lines"),
            ("exit", 7, ""),
        ],
    )
    def test_of_a_plugins_command(self, shop: Site, kind: str, code: int, words: str) -> None:
        """Whatever a plugin's command raises, one line is seen, and its own exit codes are kept."""
        result = shop.signalpy("tools", "use", "--fail", kind)
        assert code == result.returncode
        assert words in (one_line(result) if words else "")

    @pytest.mark.parametrize(
        ("source", "words"),
        [
            ("raise RuntimeError('no\\nway')", "is broken: importing signalpy_shop_cli failed: RuntimeError: no way"),
            ("import sys; sys.exit(3)", "is broken: importing signalpy_shop_cli failed: SystemExit: 3"),
            ("tools = 3", "is broken: expected a click command, found int"),
            ("", "is broken: signalpy_shop_cli has no 'tools'"),
        ],
    )
    def test_a_broken_command_is_one_line(self, shop: Site, source: str, words: str) -> None:
        """A plugin whose command cannot be imported says so when it is called, and hurts no other command."""
        (shop.root / "signalpy_shop_cli.py").write_text(source)
        result = shop.signalpy("tools", "use")
        assert 2 == result.returncode
        assert f"the command 'tools' of signalpy-shop {words}" in one_line(result)
        assert 0 == shop.signalpy("--help").returncode
        assert "" == shop.signalpy("plugins").stderr

    def test_ctrl_c_is_130(self, shop: Site) -> None:
        """An interrupted command ends as shells expect, without a word."""
        (shop.root / "signalpy_shop_cli.py").write_text(
            "import click\n@click.command()\ndef tools(): raise KeyboardInterrupt"
        )
        result = shop.signalpy("tools")
        assert (130, "", "") == (result.returncode, result.stdout, result.stderr)

    def test_an_audit_that_cannot_be_written_is_2(self, shop: Site) -> None:
        """An error of the framework, as against one of the handler, means that nothing ran."""
        source = SHOP.replace("        return await proceed()", "        raise AuditUnavailable('the log is full')")
        (shop.root / "signalpy_shop.py").write_text("from signalpy import AuditUnavailable\n" + source)
        result = shop.signalpy("invoke", "shop.buy", '{"item": "apple"}')
        assert (2, "signalpy: the log is full") == (result.returncode, one_line(result))

    def test_a_denied_command_says_so(self, shop: Site) -> None:
        """A command that the configuration keeps out is told with the reason, and not imported."""
        result = shop.signalpy("tools", SIGNALPY__PLUGINS__DENY='["signalpy-shop"]')
        assert "that of signalpy-shop is denied: [plugins] deny has 'signalpy-shop'" in one_line(result)
        assert not shop.imported

    def test_built_in_names_are_reserved(self, site: Site) -> None:
        """A plugin cannot take the name of a built-in command, nor be preferred for it."""
        site.install(
            "acme-tools",
            entry_points="[signalpy.commands]\nplugins = acme_tools:tools\n",
            modules={"acme_tools.py": site.tattling() + COMMANDS},
        )
        result = site.signalpy("plugins", "--json", SIGNALPY__PLUGINS__PREFER__PLUGINS="acme-tools")
        assert isinstance(json.loads(result.stdout), list)
        assert not site.imported


class TestPlugins:
    def test_json_is_stable(self, shop: Site) -> None:
        """A list of objects with five keys in this order, sorted by name."""
        shop.component("acme-x", "acme")
        result = shop.signalpy("plugins", "--json")
        rows = {row["name"]: row for row in json.loads(result.stdout)}
        assert ["name", "distribution", "version", "state", "reason"] == list(rows["shop"])
        expected = {
            "name": "shop",
            "distribution": "signalpy-shop",
            "version": "2.1",
            "state": "discovered",
            "reason": "",
        }
        assert expected == rows["shop"]
        assert "denied" == rows["acme"]["state"]
        assert sorted(rows) == list(rows)
        assert not shop.imported

    def test_as_a_table(self, shop: Site) -> None:
        """Columns under a head, one row a line."""
        lines = shop.signalpy("plugins").stdout.splitlines()
        assert ["NAME", "DISTRIBUTION", "VERSION", "STATE", "REASON"] == lines[0].split()
        assert ["shop", "signalpy-shop", "2.1", "discovered"] in [line.split() for line in lines]

    def test_a_broken_plugin_is_listed_unharmed(self, shop: Site) -> None:
        """Without --boot nobody notices that a module cannot be imported; with it, the reason is told."""
        (shop.root / "signalpy_shop.py").write_text("raise RuntimeError('no')")
        assert "discovered" in shop.signalpy("plugins").stdout
        result = shop.signalpy("plugins", "--boot", "--json")
        row = next(row for row in json.loads(result.stdout) if row["name"] == "shop")
        assert "failed" == row["state"]
        assert "importing signalpy_shop failed: RuntimeError: no" in row["reason"]
        assert "Traceback" not in result.stderr

    def test_boot_tells_live_states(self, shop: Site) -> None:
        """With --boot the states are those of a running kernel."""
        rows = {row["name"]: row["state"] for row in json.loads(shop.signalpy("plugins", "--boot", "--json").stdout)}
        assert ("active", "active") == (rows["shop"], rows["config"])


class TestWhy:
    def test_from_metadata(self, shop: Site) -> None:
        """Without --boot nothing is imported."""
        shop.component("acme-x", "acme")
        assert (
            "acme: denied: [plugins] allow has no pattern for 'acme-x' or 'acme' (acme-x 1.0).\n"
            == shop.signalpy("why", "acme").stdout
        )
        assert not shop.imported

    def test_unknown(self, shop: Site) -> None:
        """A name that there is not is wrong usage, with the nearest one."""
        result = shop.signalpy("why", "shp")
        assert 2 == result.returncode
        assert "shp: unknown: no installed distribution has a component 'shp'. Did you mean 'shop'" in one_line(result)

    def test_boot(self, shop: Site) -> None:
        """With --boot it is the running kernel that answers, with all that the component stands on."""
        expected = (
            f"shop: active (signalpy-shop 2.1): depends on config, which is active as {__version__}; requires IConfig,"
            " which 'config' provides; can do without ICache, which nobody provides\n"
        )
        assert expected == shop.signalpy("why", "shop", "--boot").stdout

    def test_boot_of_an_essential_that_fails(self, shop: Site) -> None:
        """A boot that fails is one line and 2."""
        (shop.root / "signalpy_shop.py").write_text("raise RuntimeError('no')")
        result = shop.signalpy("why", "shop", "--boot", SIGNALPY__PLUGINS__REQUIRED='["shop"]')
        assert 2 == result.returncode
        assert "importing signalpy_shop failed: RuntimeError: no" in result.stderr.splitlines()[-1]
        assert "Traceback" not in result.stderr


class TestInvoke:
    def test_the_result_is_json(self, shop: Site) -> None:
        """The result is printed as JSON on one line; what JSON cannot hold becomes text, or its type."""
        result = shop.signalpy("invoke", "shop.buy", '{"item": "apple"}', "--actor", "alice")
        assert ("", 0) == (result.stderr, result.returncode)
        expected = {
            "item": "apple",
            "price": "1.50",
            "on": "2026-01-31",
            "odd": {"$type": "builtins.object"},
            "nan": "nan",
        }
        assert expected == json.loads(result.stdout)
        assert 1 == result.stdout.count("\n")

    def test_without_parameters(self, shop: Site) -> None:
        """A runnable without parameters needs no JSON; letters stay letters."""
        assert '["apple", "ähre"]\n' == shop.signalpy("invoke", "shop.stock", PYTHONUTF8="1").stdout

    def test_from_stdin(self, shop: Site) -> None:
        """A dash reads the parameters from stdin."""
        process = subprocess.run(
            [sys.executable, "-m", "signalpy", "invoke", "shop.echo", "-"],
            input='{"a": 1}',
            capture_output=True,
            text=True,
            cwd=shop.root.parent,
            env={"PYTHONPATH": str(shop.root)},
            check=False,
        )
        assert {"a": 1} == json.loads(process.stdout)

    def test_an_error_in_the_result_is_1(self, shop: Site) -> None:
        """A result with an error is printed and the answer is no."""
        result = shop.signalpy("invoke", "shop.buy", '{"item": "poison"}')
        assert (1, '{"error": "we do not sell poison"}\n') == (result.returncode, result.stdout)

    def test_an_exception_is_1(self, shop: Site) -> None:
        """What the handler raises is one line."""
        result = shop.signalpy("invoke", "shop.buy", '{"item": "bomb"}')
        assert (1, "") == (result.returncode, result.stdout)
        assert "signalpy: shop.buy failed: ValueError: a bomb for two lines" == one_line(result)

    def test_a_denial_is_1(self, shop: Site) -> None:
        """A refusal by policy names the rule."""
        result = shop.signalpy("invoke", "shop.stock", SIGNALPY__POLICY__KERNEL__INVOKE_DENY='["shop.*"]')
        assert 1 == result.returncode
        assert 'kernel may not invoke shop.stock: policy "kernel": invoke_deny "shop.*"' in one_line(result)

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["shop.bye"], "Did you mean 'shop.buy'"),
            (["shop.buy", '{"itme": "x"}'], "shop.buy: parameters do not fit"),
            (["shop.buy", "[1]"], "JSON: expected an object, found list."),
            (["shop.buy", "{"], "JSON: expected an object, found no JSON: "),
            (["shop.buy", ""], "JSON: expected an object, found no JSON: "),
            (["acme.buy"], "acme.buy"),
        ],
    )
    def test_wrong_targets_and_parameters_are_2(self, shop: Site, arguments: list[str], words: str) -> None:
        """An unknown target and parameters that do not fit are wrong usage."""
        result = shop.signalpy("invoke", *arguments)
        assert (2, "") == (result.returncode, result.stdout)
        assert words in one_line(result)


class TestDescribe:
    def test_a_component(self, shop: Site) -> None:
        """All that a component declares, in text."""
        text = shop.signalpy("describe", "shop").stdout
        for line in (
            "component: shop",
            "version: 2.1",
            "description: Sells things.",
            "provides: IShop",
            "  config: IConfig",
            "  cache: optional ICache",
            "emits: shop.*",
            "hooks: signalpy_invoke",
            "  - shop.* (background)  Counts sales",
            "  - shop.buy(item, count)  Buys an item",
            "  - shop.stock()",
            '  - currency = "EUR"',
            "  - taxes = (computed)",
        ):
            assert line in text.splitlines()

    def test_a_runnable(self, shop: Site) -> None:
        """A runnable with the JSON Schema of its parameters."""
        told = json.loads(shop.signalpy("describe", "shop.buy", "--json").stdout)
        assert ("shop.buy", "Buys an item", "async", ["shop.*"]) == (
            told["target"],
            told["description"],
            told["runs"],
            told["emits"],
        )
        assert (["item"], "integer") == (told["params"]["required"], told["params"]["properties"]["count"]["type"])
        assert "runs: in a worker thread\nparams: none\n" in shop.signalpy("describe", "shop.stock").stdout
        assert "params: any object\n" in shop.signalpy("describe", "shop.echo").stdout

    @pytest.mark.parametrize(("target", "near"), [("shp", "'shop'"), ("shop.bye", "'buy'")])
    def test_unknown(self, shop: Site, target: str, near: str) -> None:
        """What there is not is wrong usage, with the nearest name."""
        result = shop.signalpy("describe", target)
        assert 2 == result.returncode
        assert f"Did you mean {near}" in one_line(result)

    def test_a_broken_component_costs_a_line(self, shop: Site) -> None:
        """One that cannot be imported is left out with its reason."""
        shop.install(
            "acme-x",
            entry_points="[signalpy.components]\nacme = acme_x:X\n",
            modules={"acme_x.py": "raise RuntimeError('no')"},
        )
        result = shop.signalpy("describe", "config", SIGNALPY__PLUGINS__ALLOW='["acme-x", "signalpy-shop"]')
        assert 0 == result.returncode
        told = "signalpy: acme is left out: importing acme_x failed: RuntimeError: no (line 1 of acme_x)"
        assert told == one_line(result)


class TestHooks:
    def test_every_hook_with_its_words_and_who_implements_it(self, shop: Site) -> None:
        """Each hook has its documentation, and the components that implement it."""
        told = {hook["hook"]: hook for hook in json.loads(shop.signalpy("hooks", "--json").stdout)}
        assert {"signalpy_record", "signalpy_invoke", "signalpy_publish", "signalpy_dead_letter"} <= set(told)
        assert all(hook["doc"] for hook in told.values())
        assert ["call", "proceed"] == told["signalpy_invoke"]["arguments"]
        expected = [{"component": "shop", "version": "2.1", "distribution": "signalpy-shop", "targets": "shop.buy"}]
        assert expected == told["signalpy_invoke"]["implementations"]
        assert "  - shop 2.1, targets shop.buy\n" in shop.signalpy("hooks").stdout

    def test_what_the_operator_says_otherwise_is_told_with_its_place_and_the_authors_word(self, site: Site) -> None:
        """The values that count, who set them, what the author said; a failure that no longer stops stands out."""
        source = (
            "from signalpy import component, hookimpl\n@component('acme')\nclass X:\n"
            "    @hookimpl(on_error='deny', timeout=2)\n"
            "    async def signalpy_invoke(self, call, proceed): return await proceed()\n"
            "    @hookimpl\n"
            "    async def signalpy_publish(self, event, proceed): await proceed()\n"
        )
        site.install("acme-x", entry_points="[signalpy.components]\nacme = acme_x:X\n", modules={"acme_x.py": source})
        (site.root.parent / "signalpy.toml").write_text(
            "[plugins]\nallow = ['acme-*']\n[kernel.hooks.acme]\non_error = 'isolate'\n"
        )
        given = {"SIGNALPY__KERNEL__HOOKS__ACME__SIGNALPY_INVOKE__TIMEOUT": "inf"}
        result = site.signalpy("hooks", "--json", **given)
        told = {hook["hook"]: hook["implementations"] for hook in json.loads(result.stdout)}
        file, variable = str(site.root.parent / "signalpy.toml"), f"environment variable {next(iter(given))}"
        [invoke], [publish] = told["signalpy_invoke"], told["signalpy_publish"]
        assert ("isolate", "none") == (invoke["on_error"], invoke["timeout"])
        assert {
            "on_error": {"by": file, "author": "deny", "weaker": True},
            "timeout": {"by": variable, "author": 2},
        } == invoke["overridden"]
        assert {"on_error": {"by": file, "author": None}} == publish["overridden"]
        text = site.signalpy("hooks", **given).stdout
        weaker = f"on_error isolate (by {file}; its author: deny, whose failure stops the operation)"
        assert f"  - acme 1.0, {weaker}, timeout none (by {variable}; its author: 2)\n" in text
        assert f"  - acme 1.0, on_error isolate (by {file}; its author: nothing)\n" in text

    def test_what_does_not_count_of_the_operators_word_is_not_told_as_if_it_did(self, site: Site) -> None:
        """A component that records is not isolated; its timeout is the operator's all the same."""
        source = (
            "from signalpy import component, hookimpl\n@component('acme')\nclass X:\n"
            "    @hookimpl\n"
            "    async def signalpy_record(self, operation, proceed): return await proceed()\n"
            "    @hookimpl\n"
            "    async def signalpy_publish(self, event, proceed): await proceed()\n"
        )
        site.install("acme-x", entry_points="[signalpy.components]\nacme = acme_x:X\n", modules={"acme_x.py": source})
        given = {"SIGNALPY__PLUGINS__ALLOW": '["acme-*"]'}
        given["SIGNALPY__KERNEL__HOOKS__ACME"] = '{on_error = "isolate", timeout = 3}'
        listed = json.loads(site.signalpy("hooks", "--json", **given).stdout)
        told = {hook["hook"]: hook["implementations"] for hook in listed}
        [found] = told["signalpy_publish"]
        assert (3, None) == (found["timeout"], found.get("on_error"))
        assert ["timeout"] == list(found["overridden"])
        assert "overridden" not in told["signalpy_record"][0]

    def test_the_order_is_the_kernels(self, site: Site) -> None:
        """The outermost comes first: who was activated last, unless `before` says otherwise."""
        body = (
            "from signalpy import component, hookimpl\n@component({name!r})\nclass X:\n"
            "    @hookimpl({how})\n    async def signalpy_invoke(self, call, proceed): return await proceed()\n"
        )
        for name, how in (("aaa", "before='bbb'"), ("bbb", ""), ("ccc", "")):
            site.install(
                f"acme-{name}",
                entry_points=f"[signalpy.components]\n{name} = acme_{name}:X\n",
                modules={f"acme_{name}.py": body.format(name=name, how=how)},
            )
        told = json.loads(site.signalpy("hooks", "--json", SIGNALPY__PLUGINS__ALLOW='["acme-*"]').stdout)
        order = [
            item["component"] for hook in told if hook["hook"] == "signalpy_invoke" for item in hook["implementations"]
        ]
        assert ["ccc", "aaa", "bbb"] == order

    def test_a_wrong_implementation_costs_a_line(self, site: Site) -> None:
        """A component with a wrong implementation is left out with its reason."""
        source = (
            "from signalpy import component, hookimpl\n@component('acme')\nclass X:\n"
            "    @hookimpl\n    async def signalpy_invok(self, call, proceed): ...\n"
        )
        site.install("acme-x", entry_points="[signalpy.components]\nacme = acme_x:X\n", modules={"acme_x.py": source})
        result = site.signalpy("hooks", SIGNALPY__PLUGINS__ALLOW='["acme-*"]')
        assert 0 == result.returncode
        assert "acme is left out" in one_line(result)
        assert "signalpy_invoke" in one_line(result)


class TestGraph:
    def test_json(self, shop: Site) -> None:
        """Nodes and edges: who needs whom, who publishes and hears what."""
        drawn = json.loads(shop.signalpy("graph", "--format", "json").stdout)
        assert {"id": "shop", "kind": "component", "label": "shop"} in drawn["nodes"]
        assert {"id": "event:shop.*", "kind": "event", "label": "shop.*"} in drawn["nodes"]
        edges = {(edge["from"], edge["kind"], edge["to"], edge["label"]) for edge in drawn["edges"]}
        assert {
            ("shop", "depends", "config", ""),
            ("shop", "requires", "config", "IConfig"),
            ("shop", "publishes", "event:shop.*", ""),
            ("event:shop.*", "subscribes", "shop", ""),
        } == edges

    def test_mermaid_is_the_default(self, shop: Site) -> None:
        """A Mermaid flowchart that can be pasted."""
        lines = shop.signalpy("graph").stdout.splitlines()
        assert "flowchart LR" == lines[0]
        assert '    n1["shop"]' in lines
        assert '    n1 -->|"IConfig"| n0' in lines

    def test_dot(self, shop: Site) -> None:
        """The language of Graphviz."""
        text = shop.signalpy("graph", "--format", "dot").stdout
        assert text.startswith("digraph signalpy {")
        assert '"shop" -> "config" [label="IConfig", style=solid];' in text


def bare_signalpy(bare: Site, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-S", "-m", "signalpy", *arguments],
        capture_output=True,
        text=True,
        cwd=bare.root.parent,
        env={"PYTHONPATH": str(bare.root)},
        check=False,
    )


def test_without_plugins(bare: Site) -> None:
    """With nothing but the core installed the commands work."""
    assert ["config"] == [row["name"] for row in json.loads(bare_signalpy(bare, "plugins", "--json").stdout)]
    result = bare_signalpy(bare, "plugins", "--boot")
    assert "active" in result.stdout
    assert "" == result.stderr


def test_without_metadata(bare: Site) -> None:
    """A source tree that was never installed says what to do."""
    for info in bare.root.glob("signalpy_core-*"):
        info.unlink()
    result = bare_signalpy(bare, "plugins")
    assert 2 == result.returncode
    assert "signalpy-core has no metadata on this path, so its commands cannot be found. Run: pip install" in one_line(
        result
    )
