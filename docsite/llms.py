"""`llms.txt`: every page in one list, for agents. See llmstxt.org for the form."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_TITLE = re.compile(r"^# (.+)$", re.MULTILINE)


def pages(docs: Path) -> Iterator[tuple[str, str]]:
    """Yield the file, by its path in the documentation.

    Args:
        docs: folder of all pages, those written by programs included.
    """
    site = tomllib.loads((docs.parent / "zensical.toml").read_text(encoding="utf-8"))["project"]
    lines = [f"# {site['site_name']}", "", f"> {site['site_description']}", ""]
    for item in site["nav"]:
        lines += _section(item, docs)
    yield "llms.txt", "\n".join(lines).rstrip("\n") + "\n"


def _section(item: dict[str, Any], docs: Path) -> Iterator[str]:
    for title, inside in item.items():
        yield f"## {title}"
        yield ""
        for path in [inside] if isinstance(inside, str) else _paths(inside):
            yield f"- [{_title(docs / path)}]({path}): {_summary(docs / path)}"
        yield ""


def _paths(items: list[Any]) -> Iterator[str]:
    for item in items:
        if isinstance(item, str):
            yield item
        else:
            for inside in item.values():
                yield from [inside] if isinstance(inside, str) else _paths(inside)


def _title(page: Path) -> str:
    match = _TITLE.search(page.read_text(encoding="utf-8"))
    assert match is not None, page
    return match[1].replace("`", "")


def _summary(page: Path) -> str:
    """Return the first sentence below the title."""
    blocks = page.read_text(encoding="utf-8").split("\n\n")
    text = next((" ".join(one.split()) for one in blocks if one[0].isalpha() or one[0] in "`*"), "")
    return re.split(r"(?<=[.!?:]) ", text)[0].rstrip(":")
