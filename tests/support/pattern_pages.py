"""The pages of the patterns, and what stands in them."""

import re

from tests.support.documents import ROOT

PAGES = ROOT / "docs" / "patterns"


def page(name: str) -> str:
    """Return a page."""
    return (PAGES / f"{name}.md").read_text(encoding="utf-8")


def part(name: str, heading: str) -> str:
    """Return what stands below a heading of a page."""
    _, _, rest = page(name).partition(f"\n## {heading}\n")
    return re.split(r"\n## ", rest)[0]


def rows(text: str) -> list[list[str]]:
    """Return the cells of all rows of the tables in a text, without their heads."""
    found = [re.split(r"(?<!\\) \| ", line.strip("| ")) for line in text.splitlines() if line.startswith("|")]
    rules = [at for at, cells in enumerate(found) if set("".join(cells)) <= set("-|")]
    return [cells for at, cells in enumerate(found) if at not in rules and at + 1 not in rules]
