"""What commands print: JSON that always is JSON, and the notations of the graph."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct
from pydantic import BaseModel

from signalpy import component, requires, subscribe
from signalpy.cli.drawing import dot, graph_of, mermaid
from signalpy.cli.failure import Failure
from signalpy.cli.output import print_columns, print_json, say
from signalpy.definition import spec_of
from signalpy.plain import plain_of


class Colour(Enum):
    RED = "red"


class Model(BaseModel):
    at: datetime


class Record(Struct):
    amount: Decimal


@dataclass
class Point:
    x: float


MIDDAY = datetime(2026, 1, 31, 12, tzinfo=UTC)


class TestPlain:
    @pytest.mark.parametrize(
        ("value", "plain"),
        [
            (Decimal("1.50"), "1.50"),
            (MIDDAY, "2026-01-31T12:00:00Z"),
            (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
            (Colour.RED, "red"),
            (Model(at=MIDDAY), {"at": "2026-01-31T12:00:00Z"}),
            (Record(amount=Decimal(1)), {"amount": "1"}),
            (Point(float("inf")), {"x": "inf"}),
            ((1, {2}), [1, [2]]),
            ({1: b"ab"}, {"1": "YWI="}),
            (float("nan"), "nan"),
            (Path("/a/b"), "/a/b"),
            (IPv4Address("10.0.0.1"), "10.0.0.1"),
            (object(), {"$type": "builtins.object"}),
            ([print], [{"$type": "builtins.builtin_function_or_method"}]),
        ],
    )
    def test_kinds(self, value: Any, plain: Any) -> None:
        """Each kind of value has its form; what has none is named by its type."""
        assert plain == plain_of(value)

    @given(
        st.recursive(
            st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), st.decimals()),
            lambda inner: st.one_of(st.lists(inner), st.tuples(inner), st.dictionaries(st.text(), inner)),
        )
    )
    def test_it_is_always_json(self, value: Any) -> None:
        """Whatever a handler returns can be printed."""
        json.dumps(plain_of(value), allow_nan=False)

    def test_a_lone_surrogate_is_escaped(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Text that no encoding takes is escaped; any other is printed as it is."""
        print_json(["ä", "\ud800"])
        assert '["\\u00e4", "\\ud800"]\n' == capsys.readouterr().out
        print_json(["ä"])
        assert '["ä"]\n' == capsys.readouterr().out


HOSTILE = "\x1b]0;owned\x07\x9b2J\x7f\u202egnp.exe\r\nforged \U000e0041"


class TestNothingCommandsATerminal:
    def test_lines_and_columns_are_escaped(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Control characters, direction marks and line ends of a name are shown, not obeyed; letters stay."""
        say(HOSTILE)
        print_columns(("A", "B"), [(HOSTILE, "ä 漢"), (None, HOSTILE)])  # type: ignore[list-item]
        shown = capsys.readouterr().out
        assert 4 == len(shown.splitlines())
        assert shown.replace("\n", "").isprintable()
        assert "\\x1b]0;owned\\x07\\x9b2J\\x7f\\u202egnp.exe\\r\\nforged \\U000e0041" == shown.splitlines()[0]
        assert "ä 漢" in shown

    def test_json_is_escaped_and_stays_what_it_was(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Also what JSON would let stand, such as the one-byte CSI."""
        print_json({HOSTILE: [HOSTILE, "ä 漢"]})
        shown = capsys.readouterr().out
        assert shown.removesuffix("\n").isprintable()
        assert {HOSTILE: [HOSTILE, "ä 漢"]} == json.loads(shown)
        assert "ä 漢" in shown

    def test_errors_are_escaped(self, capsys: pytest.CaptureFixture[str]) -> None:
        """An error repeats what was given, and what a process at a socket says."""
        Failure(f"there is no {HOSTILE}").show()
        shown = capsys.readouterr().err
        assert shown.removesuffix("\n").isprintable()


def test_columns_are_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    """Columns are as wide as their widest cell, the last one as long as it likes."""
    print_columns(("A", "B", "C"), [("long name", "1", "x" * 200), ("n", "", "")])
    assert ["A          B  C", f"long name  1  {'x' * 200}", "n"] == capsys.readouterr().out.splitlines()


def test_a_terminal_gets_a_table_that_fits() -> None:
    """With rich installed a terminal gets folded cells, in which markup is text; its JSON is indented."""
    pytest.importorskip("rich")
    pty = pytest.importorskip("pty")
    code = (
        "from signalpy.cli.output import print_columns, print_json\n"
        "print_columns(('A', 'B'), [('[red]x', 'y' * 100)])\n"
        "print_json({'a': 1})\n"
    )
    inner, outer = pty.openpty()
    environ = {**os.environ, "TERM": "dumb"}
    with subprocess.Popen([sys.executable, "-c", code], stdout=outer, env=environ) as process:
        os.close(outer)
        shown = b""
        with contextlib.suppress(OSError):
            while block := os.read(inner, 4096):
                shown += block
    os.close(inner)
    lines = shown.decode().split("\r\n")
    assert 0 == process.returncode
    assert lines[1].startswith("[red]x  yyy")
    assert max(map(len, lines)) <= 80
    assert ["{", '  "a": 1', "}"] == lines[-4:-1]


class TestGraph:
    @pytest.fixture
    def drawn(self) -> Any:
        @component("one", depends=["gone>=2"])
        @requires(store="IStore", mail="signalpy.Configuration")
        class One:
            @subscribe('odd"<b>*')
            def hear(self, event_type, data): ...

        return graph_of([spec_of(One)])

    def test_what_is_missing_is_a_node(self, drawn: Any) -> None:
        """What nobody has is there, marked as missing; the kernel's own contracts are not."""
        kinds = {node["label"]: node["kind"] for node in drawn.nodes}
        assert {"one": "component", "gone": "missing", "IStore": "missing", 'odd"<b>*': "event"} == kinds
        assert {"from": "one", "to": "gone", "kind": "depends", "label": ">=2"} in drawn.edges

    def test_no_name_breaks_the_notation(self, drawn: Any) -> None:
        """Quotes and brackets in a pattern are escaped in both notations."""
        assert '(["odd#quot;#lt;b#gt;*"])' in mermaid(drawn)
        assert '"event:odd\\"<b>*" [label="odd\\"<b>*", shape=oval];' in dot(drawn)
