"""The configuration tree: where it comes from, what is checked, and what its errors say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, field_validator

from signalpy.configuration import Configuration, KernelSettings, PluginSettings, component_settings, load
from signalpy.errors import ConfigError, PolicyError

SECRET = "hunter2-do-not-tell"


class Limits(BaseModel):
    daily: int = 1000


class Settings(BaseModel):
    store: str = "memory:"
    mode: Literal["strict", "standard"] = "standard"
    limits: list[Limits] = []
    password: str = ""
    size: int = 0

    @field_validator("password")
    @classmethod
    def _strong(cls, value: str) -> str:
        if value == SECRET:
            raise ValueError(f"{value} is too weak")
        return value

    @field_validator("size")
    @classmethod
    def _sane(cls, value: int) -> int:
        if value < 0:
            raise ConfigError("expected a size of 0 or more")
        return value


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


class TestLoad:
    def test_nothing_gives_the_defaults(self) -> None:
        """Without a source and without variables everything has its documented default."""
        found = load(environ={})
        assert KernelSettings(10, 1000, 5, None) == found.kernel
        assert PluginSettings() == found.plugins
        assert ({}, {}, None) == (found.policy, found.tables, found.source)

    def test_a_mapping_and_a_file_give_the_same(self, tmp_path: Path) -> None:
        """The tree of a TOML file is the tree of a mapping with the same values."""
        file = write(
            tmp_path / "signalpy.toml",
            '[kernel]\nqueue_size = 5\n[plugins]\ndeny = ["x"]\n'
            '[policy."*"]\naudit = true\n[audit-trail]\nstore = "memory:"\n',
        )
        mapping = {
            "kernel": {"queue_size": 5},
            "plugins": {"deny": ["x"]},
            "policy": {"*": {"audit": True}},
            "audit-trail": {"store": "memory:"},
        }
        from_file, from_mapping = load(file, environ={}), load(mapping, environ={})
        assert from_mapping.tree == from_file.tree
        assert from_mapping.kernel == from_file.kernel
        assert {"audit-trail": {"store": "memory:"}} == from_file.tables
        assert {"*": {"audit": True}} == from_file.policy

    @pytest.mark.parametrize("kind", [str, Path])
    def test_a_path_may_be_text(self, tmp_path: Path, kind: type) -> None:
        """A path is taken as text and as a path, and told as an absolute one."""
        file = write(tmp_path / "a.toml", "[kernel]\n")
        assert file == load(kind(file), environ={}).source

    def test_own_paths_start_at_the_file(self, tmp_path: Path) -> None:
        """Socket and lock file of a configuration file are beside it, absolute ones where they say."""
        file = write(tmp_path / "a.toml", '[kernel]\nsocket = "run/s"\n[plugins]\nlockfile = "/etc/lock"\n')
        found = load(file, environ={})
        assert (str(tmp_path / "run/s"), "/etc/lock") == (found.kernel.socket, found.plugins.lockfile)
        assert "run/s" == found.tree["kernel"]["socket"]

    def test_own_paths_of_a_mapping_stay(self) -> None:
        """Without a file they start at the working directory."""
        found = load({"kernel": {"socket": "run/s"}}, environ={})
        assert ("run/s", "signalpy.lock") == (found.kernel.socket, found.plugins.lockfile)

    def test_later_changes_of_the_source_do_not_reach_it(self) -> None:
        """The tree is a copy, down to nested tables and lists."""
        source: dict[str, Any] = {"accounts": {"open": {"alice": 1}, "list": [1]}}
        found = load(source, environ={})
        source["accounts"]["open"]["alice"] = 2
        source["accounts"]["list"].append(2)
        assert {"open": {"alice": 1}, "list": [1]} == found.tables["accounts"]

    def test_objects_in_a_mapping_are_kept(self) -> None:
        """What is neither a table nor a list passes through as the same object."""
        engine = object()
        assert engine is load({"accounts": {"engine": engine}}, environ={}).tables["accounts"]["engine"]

    def test_it_cannot_be_assigned_to(self) -> None:
        """A configuration never changes."""
        with pytest.raises(AttributeError):
            load(environ={}).kernel = KernelSettings()  # type: ignore[misc]

    def test_repr_has_counts_and_no_values(self) -> None:
        """The repr cannot leak a setting."""
        found = load({"mail": {"password": SECRET}, "policy": {"*": {"audit": True}}}, environ={})
        assert "<Configuration(source=mapping, num_tables=1, num_policies=1)>" == repr(found)

    def test_it_imports_neither_pydantic_nor_asyncio(self, tmp_path: Path) -> None:
        """Reading a configuration stays cheap, because commands that only read metadata do it."""
        file = write(tmp_path / "a.toml", "[accounts]\nx = 1\n")
        code = f"import sys; from signalpy.configuration import load; load({str(file)!r}); print(*sys.modules)"
        modules = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.split()
        assert "signalpy.configuration" in modules
        assert not {"pydantic", "asyncio"} & set(modules)


class TestWrong:
    @pytest.mark.parametrize(
        ("source", "words"),
        [
            ({"kernel": {"queue_siz": 1}}, "[kernel] has no key 'queue_siz'. Did you mean 'queue_size'"),
            ({"plugins": {"zzzz": 1}}, "Known keys: allow, deny, required"),
            ({"kernel": {"queue_size": "many"}}, "[kernel] queue_size: expected int, got text"),
            ({"kernel": {"queue_size": 0}}, "[kernel] queue_size: expected int >= 1"),
            ({"kernel": {"queue_size": True}}, "[kernel] queue_size: expected int, got bool"),
            ({"kernel": {"shutdown_deadline": -1}}, "[kernel] shutdown_deadline: expected number >= 0"),
            ({"kernel": {"shutdown_deadline": float("nan")}}, "[kernel] shutdown_deadline"),
            ({"kernel": {"queue_wait": float("inf")}}, "[kernel] queue_wait"),
            ({"kernel": {"socket": ""}}, "[kernel] socket"),
            ({"plugins": {"lock": "on"}}, '[plugins] lock: expected "off", "warn" or "enforce"'),
            ({"plugins": {"allow": "signalpy-*"}}, "[plugins] allow: expected a list, got text"),
            ({"plugins": {"deny": ["x", 3]}}, "[plugins] deny[1]: expected text, got int"),
            ({"plugins": {"prefer": {"accounts": 3}}}, "[plugins] prefer"),
            ({"kernel": 3}, "expected a table [kernel], found a number"),
            ({"store": "x"}, "expected a table [store], found a text"),
            ({"accounts": {3: 4}}, "[accounts] keys of the configuration are texts, found int"),
            (3, "expected a mapping or a path to signalpy.toml, found int"),
        ],
    )
    def test_one_line_names_key_and_fix(self, source: Any, words: str) -> None:
        """A wrong key or value is named with what was expected."""
        with pytest.raises(ConfigError) as caught:
            load(source, environ={})
        assert words in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_the_key_is_evidence(self) -> None:
        """The error carries the dotted key."""
        with pytest.raises(ConfigError) as caught:
            load({"kernel": {"queue_siz": 1}}, environ={})
        assert "kernel.queue_siz" == caught.value.key  # type: ignore[attr-defined]

    def test_bad_toml_names_file_and_line(self, tmp_path: Path) -> None:
        """A mistake of syntax is found by file and line."""
        file = write(tmp_path / "bad.toml", "[kernel]\nqueue_size = \n")
        with pytest.raises(ConfigError, match=r"bad\.toml: this is not TOML: .*line 2"):
            load(file, environ={})

    def test_another_encoding_is_named(self, tmp_path: Path) -> None:
        """A file that is not UTF-8 says so, with the place."""
        file = tmp_path / "latin.toml"
        file.write_bytes(b'[a]\nx = "\xe9"\n')
        with pytest.raises(ConfigError, match="expected UTF-8, found another encoding at byte 9"):
            load(file, environ={})

    @pytest.mark.parametrize("name", ["missing.toml", "."])
    def test_a_file_that_cannot_be_read(self, tmp_path: Path, name: str) -> None:
        """A missing file and a folder are a configuration error that names the path."""
        with pytest.raises(ConfigError, match="cannot read the configuration"):
            load(tmp_path / name, environ={})

    def test_a_file_is_named_in_errors_of_its_keys(self, tmp_path: Path) -> None:
        """The line starts with the file, so that one knows where to look."""
        file = write(tmp_path / "a.toml", "[kernel]\nqueue_siz = 1\n")
        with pytest.raises(ConfigError, match=rf"^{file}: \[kernel\] has no key"):
            load(file, environ={})

    @pytest.mark.parametrize(
        ("policy", "words"),
        [
            ({"accounts": {"adit": True}}, "Did you mean 'audit'"),
            ({"accounts": {"audit": "everything"}}, "audit must be"),
            ({"accounts": True}, "expected a table of keys"),
            (3, r"expected a table \[policy\]"),
            ({"accounts": {"transfer": {"audit": True}}}, r'needs quotes: \[policy\."accounts\.transfer"\]'),
        ],
    )
    def test_a_wrong_policy_is_a_policy_error(self, policy: Any, words: str) -> None:
        """Policies are checked when the configuration is read, by the rules of set_policy."""
        with pytest.raises(PolicyError, match=words):
            load({"policy": policy}, environ={})


class TestEnvironment:
    def test_a_variable_beats_the_file(self, tmp_path: Path) -> None:
        """What the environment says is laid over the file."""
        file = write(tmp_path / "a.toml", '[audit-trail]\nstore = "memory:"\nmode = "strict"\n')
        found = load(file, environ={"SIGNALPY__AUDIT_TRAIL__STORE": "file:///trail"})
        assert {"store": "file:///trail", "mode": "strict"} == found.tables["audit-trail"]

    def test_the_process_environment_is_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without `environ` the process's own environment counts."""
        monkeypatch.setenv("SIGNALPY__KERNEL__QUEUE_SIZE", "7")
        assert 7 == load({}).kernel.queue_size

    def test_a_wrong_variable_is_named(self) -> None:
        """An error in a key that a variable set names the variable."""
        with pytest.raises(ConfigError, match=r"^SIGNALPY__KERNEL__QUEUE_SIZ: .*Did you mean 'queue_size'"):
            load({}, environ={"SIGNALPY__KERNEL__QUEUE_SIZ": "7"})
        with pytest.raises(ConfigError, match=r"^SIGNALPY__PLUGINS: .*allow"):
            load({}, environ={"SIGNALPY__PLUGINS": '{allow = "x"}'})

    def test_origin_of_a_stray_table(self, tmp_path: Path) -> None:
        """Whoever warns of a table that nobody owns can say where it comes from."""
        file = write(tmp_path / "a.toml", "[audit-trial]\n")
        assert str(file) == load(file, environ={}).origin("audit-trial")
        variable = {"SIGNALPY__AUDIT_TRIAL__STORE": "x"}
        assert "environment variable SIGNALPY__AUDIT_TRIAL__STORE" == load({}, environ=variable).origin("audit-trial")
        assert "the configuration given" == load({"x": {}}, environ={}).origin("x")


class TestGet:
    def test_dotted_keys(self) -> None:
        """A dotted key leads through tables; keys with dashes work as written."""
        found = load({"audit-trail": {"limits": {"daily": 3}}}, environ={})
        assert 3 == found.get("audit-trail.limits.daily")
        assert {"daily": 3} == found.get("audit-trail.limits")

    @pytest.mark.parametrize("key", ["nothing", "accounts.nothing", "accounts.name.deeper", ""])
    def test_default(self, key: str) -> None:
        """What is not there gives the default."""
        assert "none" == load({"accounts": {"name": "x"}}, environ={}).get(key, "none")

    def test_what_it_gives_is_a_copy(self) -> None:
        """Changing what was read changes nothing for others."""
        found = load({"accounts": {"open": {"alice": 1}}}, environ={})
        found.get("accounts")["open"]["alice"] = 2
        assert 1 == found.get("accounts.open.alice")


class TestComponentSettings:
    def test_without_a_model_the_table_is_passed_on(self) -> None:
        """A component without a model gets its table as a dictionary of its own, empty if there is none."""
        table = {"a": [1]}
        found = component_settings(None, table, "x")
        found["a"].append(2)
        assert {"a": [1]} == table
        assert {} == component_settings(None, None, "x")

    def test_with_a_model_an_instance_is_made(self) -> None:
        """Defaults are filled in and nested tables become models."""
        found = component_settings(Settings, {"limits": [{"daily": 5}]}, "audit-trail")
        assert Settings(limits=[Limits(daily=5)]) == found

    def test_every_problem_is_named_and_no_value(self) -> None:
        """Unknown keys at any depth are named with the nearest known one, and what a validator says is left out."""
        table = {"stoer": 1, "limits": [{"dialy": 3}], "mode": SECRET, "password": SECRET}
        with pytest.raises(ConfigError) as caught:
            component_settings(Settings, table, "audit-trail")
        message = str(caught.value)
        assert message.startswith("[audit-trail] ")
        assert "stoer: unknown key. Did you mean 'store'?" in message
        assert "limits.0.dialy: unknown key. Did you mean 'daily'?" in message
        assert "mode: input should be 'strict' or 'standard'" in message
        assert "password: the component does not accept this value" in message
        assert SECRET not in message
        assert (None, None) == (caught.value.__cause__, caught.value.__context__)

    def test_words_that_vouch_for_themselves_are_told(self) -> None:
        """A model may raise ConfigError to say what it expected; that error never holds a value."""
        with pytest.raises(ConfigError, match=r"\[x\] size: expected a size of 0 or more$"):
            component_settings(Settings, {"size": -1}, "x")

    def test_a_required_key(self) -> None:
        """A key without a default is named as not set."""

        class Needs(BaseModel):
            url: str

        with pytest.raises(ConfigError, match=r"\[x\] url: is required and not set$"):
            component_settings(Needs, {}, "x")

    def test_a_model_that_wants_more_keys_gets_them(self) -> None:
        """What the model itself says of extra keys counts."""

        class Open(BaseModel):
            model_config = ConfigDict(extra="allow")

        assert {"any": 1} == component_settings(Open, {"any": 1}, "x").model_dump()

    def test_text_from_the_environment_fits(self) -> None:
        """A number that came as text is a number."""
        assert 5 == component_settings(Settings, {"size": "5"}, "x").size


def test_an_empty_configuration_needs_no_arguments() -> None:
    """`Configuration()` is what `load` gives for nothing."""
    assert Configuration() == load(environ={})
