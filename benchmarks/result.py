"""The result of a run: rows, and on what they were measured."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.rows import Row, row_from_json

FORMAT: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One run.

    :param about: when, on which machine under which load, at which commit, which versions; as JSON has it.
    """

    about: Mapping[str, Any]
    rows: Sequence[Row]

    def to_json(self) -> str:
        """Everything, as text."""
        rows = [row.to_json() for row in self.rows]
        return json.dumps({"format": FORMAT, **self.about, "rows": rows}, indent=1, ensure_ascii=False) + "\n"


def result_from_json(text: str) -> Result:
    """The result that `Result.to_json` wrote.

    :raises ValueError: it is another format.
    """
    found = json.loads(text)
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise ValueError(f"expected a result of format {FORMAT}; measure again with this version")
    rows = [row_from_json(row) for row in found["rows"]]
    return Result(about={name: value for name, value in found.items() if name not in ("format", "rows")}, rows=rows)


def read_result(path: Path) -> Result:
    """The result in a file.

    :raises OSError, ValueError: there is none.
    """
    return result_from_json(path.read_text(encoding="utf-8"))
