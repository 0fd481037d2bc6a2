"""A signed and indexed trail that is longer than two runs, made once and copied for each test that harms it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from signalpy_audit_trail.checkpoints import sign_head
from signalpy_audit_trail.commit import commit
from signalpy_audit_trail.draft import Draft
from signalpy_audit_trail.signing import Keys
from signalpy_audit_trail.stores import open_reader, open_store
from signalpy_audit_trail.verification import Anchors, Report, verify
from signalpy_audit_trail.verification.verifier import RUN

SIZE = 2 * RUN + 9
SIGNED = (RUN - 1, RUN, RUN + 1, 2 * RUN - 1, 2 * RUN, 2 * RUN + 1, SIZE)


def draft(number: int) -> Draft:
    body = {
        "id": f"id-{number}",
        "operation_id": f"op-{number}",
        "time": f"2026-01-01T00:00:00.{number:06}Z",
        "kind": "event",
        "action": "a.b",
        "actor": f"u{number % 3}",
        "subjects": [f"s{number % 7}", "all"],
    }
    return Draft(id=f"id-{number}", body=json.dumps(body).encode())


class Long:
    """A trail of `SIZE` records, and signed heads by their sizes, kept elsewhere."""

    def __init__(self, url: str, keys: Keys, heads: dict[int, str]) -> None:
        self.url = url
        self.keys = keys
        self.heads = heads

    @property
    def root(self) -> Path:
        return Path(self.url.partition(":")[2])

    @property
    def segment(self) -> Path:
        return self.root / f"{0:020d}.jsonl"

    def edit(self, change: Callable[[list[bytes]], Any]) -> None:
        """Change the lines of the one segment, in place."""
        lines = self.segment.read_bytes().splitlines(keepends=True)
        change(lines)
        self.segment.write_bytes(b"".join(lines))

    def report(self, processes: int = 1, *, size: int | None = None, **more: Any) -> Report:
        """Verify, with the head of that size from elsewhere."""
        keys = self.keys.verifiers() if size is not None else ()
        with closing(open_reader(self.url)) as reader:
            anchors = Anchors(checkpoint=None if size is None else self.heads[size], keys=keys)
            return verify(reader, anchors, processes=processes, **more)


def make(folder: Path, scheme: str) -> Long:
    url = f"{scheme}:{folder}/trail"
    keys, heads = Keys(folder / "trail.keys"), {}
    with closing(open_store(url, guest=True)) as store:
        signer = keys.ensure(store.origin)
        for size in SIGNED:
            commit(store, [draft(number) for number in range(store.size, size)])
            heads[size] = sign_head(store, signer)[1]
    with closing(open_reader(url)) as reader:
        reader.reindex()
    return Long(url, keys, heads)


@pytest.fixture(scope="session")
def honest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Long]:
    """One of each durable store; not to be changed."""
    return {scheme: make(tmp_path_factory.mktemp(scheme), scheme) for scheme in ("file", "sqlite")}


@pytest.fixture
def victim(honest: dict[str, Long], tmp_path: Path) -> Iterator[Long]:
    """A copy in a folder, to be harmed."""
    whole = honest["file"]
    shutil.copytree(whole.root, tmp_path / "trail")
    yield Long(f"file:{tmp_path}/trail", whole.keys, whole.heads)
    shutil.rmtree(tmp_path / "trail")


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let helpers be started for short trails, too."""
    from signalpy_audit_trail.verification import verifier

    monkeypatch.setattr(verifier, "SHARED", 1)
