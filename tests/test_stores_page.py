"""The page on stores says what the stores are: its table, its SQL and its example are held against them."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from signalpy_audit_trail.commit import append_sync
from signalpy_audit_trail.draft import Draft
from signalpy_audit_trail.stores import GROUP, open_store
from signalpy_audit_trail.stores.turns import lock_names
from tests.pages import Page

pytest_plugins = ("pytester",)
PAGE = Page("stores.md")


def test_every_store_has_its_column_and_its_life() -> None:
    """Each scheme of the trail's own distribution is in the head of the table and has a section."""
    schemes = [point.name for point in entry_points(group=GROUP) if point.dist and "audit-trail" in point.dist.name]
    (head,) = re.findall(r"^\| \|(.*)\|$", PAGE.text, re.MULTILINE)
    assert sorted(schemes) == sorted(re.findall(r"`(\w+):`", head))
    assert sorted(schemes) == sorted(re.findall(r"^## The life of a record in `(\w+):`$", PAGE.text, re.MULTILINE))


@pytest.mark.parametrize("scheme", ["file", "sqlite"])
def test_the_files_are_those_that_the_page_names(tmp_path: Path, scheme: str) -> None:
    """What a store makes is named by the page, and nothing else is made."""
    store = open_store(f"{scheme}://{tmp_path}/trail{'.db' if scheme == 'sqlite' else ''}")
    append_sync(store, Draft(id="a", body=b'{"id":"a"}'))
    found = {path.name for path in tmp_path.rglob("*") if "-" not in path.name or ".db" in path.name}
    store.close()
    named = (
        "".join(PAGE.blocks("text"))
        .replace("lock.1 … lock.4", " ".join(lock_names("lock")))
        .replace("-shm", "trail.db-shm")
    )
    words = {word.strip(",/") for word in named.replace("tree/", "").split()} | {"trail", "tree"}
    assert found <= words, found - words


def test_the_sql_of_the_page_runs(tmp_path: Path) -> None:
    """Other programs get what the page promises from the views."""
    store = open_store(f"sqlite://{tmp_path}/trail.db")
    body = b'{"id":"a","time":"2026-01-01T00:00:00.000000Z","actor":"alice","subjects":["account:7"],"data":{"n":1}}'
    append_sync(store, Draft(id="a", body=body))
    statements = "".join(PAGE.blocks("sql")).split(";\n")
    with closing(sqlite3.connect(tmp_path / "trail.db")) as connection:
        connection.execute("PRAGMA query_only = 1")
        answers = [connection.execute(statement).fetchall() for statement in statements if statement]
    store.close()
    assert [[(0, "2026-01-01T00:00:00.000000Z", "alice", None, None)], [('{"n":1}',)]] == answers


def test_the_example_of_the_page_passes(pytester: pytest.Pytester) -> None:
    """The test class stands as an author would write it, with and without the deviation that the page shows."""
    example, deviation = PAGE.blocks("python")
    pytester.makepyfile(f"{example}\n{deviation}")
    result = pytester.runpytest_subprocess("-q", "-k", "larger_tree or reason or read_back")
    result.assert_outcomes(passed=2)
