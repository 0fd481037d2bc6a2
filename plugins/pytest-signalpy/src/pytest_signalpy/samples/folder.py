"""The folder of samples: payloads as they were stored once, a file for each, kept with the plugin's tests.

``<event type>/v<version>.json``, further ones ``<event type>/v<version>.<word>.json``, and
``<event type>/v<version>.schema.json``: the JSON Schema of the event when the first sample was written.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote

from signalpy.schemas import stamp

NAME: Final = re.compile(r"v(?P<version>[1-9]\d{0,8})(\.(?P<word>[\w-]+))?\.json")
SCHEMA: Final = "schema"


@dataclass(frozen=True, slots=True)
class Sample:
    """A payload that was stored once.

    :param path: the file, as it is shown.
    """

    event_type: str
    version: int
    data: Any
    path: str

    @property
    def schema(self) -> str:
        """The stamp with which it was stored."""
        return stamp(self.event_type, self.version)


class SampleError(ValueError):
    """A file of the folder is none that a reader of samples understands."""


@dataclass(frozen=True, slots=True)
class SampleFolder:
    """The folder.

    :param path: where it is; it need not be there yet.
    :param root: paths are shown as seen from here.
    """

    path: Path
    root: Path

    def samples(self) -> list[Sample]:
        """All samples, by event type, then version, then file name.

        :raises SampleError: for a file whose name or content is none of a sample.
        """
        read = [(*told, _read(path, self.shown(path)), self.shown(path)) for *told, path in self._files()]
        found = [
            Sample(event_type, version, data, shown)
            for event_type, version, word, data, shown in read
            if word != SCHEMA
        ]
        return sorted(found, key=lambda sample: (sample.event_type, sample.version, sample.path))

    def schema(self, event_type: str, version: int) -> Any:
        """The JSON Schema that was kept; ``None`` if none is there.

        :raises SampleError: if it is no JSON.
        """
        path = self.place(event_type, version, SCHEMA)
        return _read(path, self.shown(path)) if path.is_file() else None

    def place(self, event_type: str, version: int, word: str | None = None) -> Path:
        """The file for a sample of this version."""
        folder = quote(event_type, safe=" !#$&'()+,;=@[]^`{}")
        folder = f"%2E{folder[1:]}" if folder.startswith(".") else folder
        return self.path / folder / (f"v{version}.{word}.json" if word else f"v{version}.json")

    def keep(self, event_type: str, version: int, data: Any, schema: Any) -> list[str]:
        """Writes the sample and the schema where they are missing, and changes no file; what was written, as shown."""
        written = []
        for word, value in ((None, data), (SCHEMA, schema)):
            path = self.place(event_type, version, word)
            if not path.exists():
                _write(path, value)
                written.append(self.shown(path))
        return written

    def renew(self, event_type: str, version: int, schema: Any) -> str:
        """Writes the schema in the place of the one that was kept; the path, as shown."""
        path = self.place(event_type, version, SCHEMA)
        _write(path, schema)
        return self.shown(path)

    def shown(self, path: Path) -> str:
        """A path for a message."""
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)

    def _files(self) -> Iterator[tuple[str, int, str | None, Path]]:
        for path in sorted(self.path.glob("*/*.json")):
            found = NAME.fullmatch(path.name)
            if found is None:
                expected = "v1.json, v1.<word>.json or v1.schema.json"
                raise SampleError(f"{self.shown(path)}: the name tells no version; expected one such as {expected}")
            yield unquote(path.parent.name), int(found["version"]), found["word"], path


def _read(path: Path, shown: str) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise SampleError(f"{shown} cannot be read as JSON: {error}") from error


def _write(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.replace(path)
