"""What a page of the documentation holds, for the tests that hold it to that."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs"


class Page:
    """One page, by the name of its file."""

    def __init__(self, name: str) -> None:
        self.text = (DOCS / name).read_text("utf-8")

    def blocks(self, language: str) -> list[str]:
        """What stands in each block of a language."""
        return re.findall(rf"^```{language}\n(.*?)^```$", self.text, re.DOTALL | re.MULTILINE)

    def commands(self) -> list[tuple[str, str]]:
        """Each command, and what the page shows of its output, which may be nothing."""
        found: list[tuple[str, str]] = []
        for line in "".join(self.blocks("console")).splitlines(keepends=True):
            if line.startswith("$ "):
                found.append((line[2:].strip(), ""))
            else:
                found[-1] = (found[-1][0], found[-1][1] + line)
        return found


def pattern(shown: str) -> str:
    """What a page shows as a regular expression: "…" is a part of a line, or lines, if it stands alone."""
    lines = blanks(shown).splitlines()
    known = (".*".join(map(re.escape, line.split("…"))) for line in lines)
    return "".join("(?:.*\\n)*" if line == "…" else f"{text}\\n" for line, text in zip(lines, known, strict=True))


def blanks(text: str) -> str:
    """The same with one blank for several, and none at the end of a line."""
    return re.sub(r"[ \t]+", " ", text).replace(" \n", "\n")
