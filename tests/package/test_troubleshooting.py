"""The page about errors: each kind has its place there, and each quoted text is one that the source has."""

import ast
import asyncio
import re
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import get_args

import pytest

from langgraph_parallel import errors
from langgraph_parallel.cli import exit_codes
from langgraph_parallel.counted import count
from langgraph_parallel.records import RunReport
from langgraph_parallel.records.branch import STATUSES, EndedBy
from langgraph_parallel.records.verdict import VerdictStatus
from langgraph_parallel.runtime.kinds import Kind
from tests.support.documents import ROOT

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text()
HEADINGS = re.findall(r"^### (.+)$", PAGE, re.MULTILINE)
QUOTED = [quoted for heading in HEADINGS for quoted in re.findall(r"`([^`]+)`", heading)]
_LANGGRAPH = re.compile(r"^## Errors of LangGraph$(.*?)^## ", re.MULTILINE | re.DOTALL)


def first_cells(section: str) -> set[str]:
    """Return what stands in the first column of the table of a section, without its head."""
    _, _, rest = PAGE.partition(f"{section}\n")
    rows = re.findall(r"^\| (.+?) \|", re.split(r"^#", rest, maxsplit=1, flags=re.MULTILINE)[0], re.MULTILINE)
    return {name for row in rows[1:] for name in re.findall(r"`(\w+)`|^(\d+)$", row) for name in name if name}


def texts(folder: Path) -> Iterator[str]:
    """Yield the texts in the sources below a folder, with `…` for what is filled in; not docstrings."""
    for path in folder.rglob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        docstrings = {node.value for node in nodes if isinstance(node, ast.Expr)}
        for node in nodes:
            if node in docstrings:
                continue
            if isinstance(node, ast.JoinedStr):
                yield "".join(map(_part, node.values))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def _part(part: ast.expr) -> str:
    """Return a part of an f-string: a number with its noun is `… calls`."""
    match part:
        case ast.Constant(value):
            return str(value)
        case ast.FormattedValue(ast.Call(ast.Name("count"), [_, ast.Constant(str(noun))])):
            return count(2, noun).replace("2", "…")
    return "…"


@cache
def texts_of(is_foreign: bool) -> str:
    """Return all texts of the package, or of LangGraph and asyncio, each on a line."""
    folders = [ROOT / "src"]
    if is_foreign:
        spec = find_spec("langgraph")
        assert spec is not None
        assert spec.submodule_search_locations is not None
        folders = [*map(Path, spec.submodule_search_locations), Path(asyncio.__file__).parent]
    return "\n".join(" ".join(text.split()) for folder in folders for text in texts(folder))


def is_said(quoted: str, *, is_foreign: bool = False) -> bool:
    """Return whether a text of the sources has the fixed parts of a quoted one, in order."""
    parts = [re.escape(part.strip()) for part in quoted.split("…")]
    return re.search(".*".join(parts), texts_of(is_foreign)) is not None


def test_every_exception_is_described() -> None:
    """In the table of classes."""
    assert first_cells("## Classes") == set(errors.__all__)


def test_every_cause_status_and_end_is_described() -> None:
    """Each in the first column of its table, and nothing else."""
    assert first_cells("## Branches that did not succeed") == set(STATUSES)
    assert first_cells("### Causes") == set(get_args(Kind))
    assert first_cells("### What ended a branch") == set(get_args(EndedBy))
    assert first_cells("## Votes") == set(get_args(VerdictStatus))


def test_every_exit_code_is_described() -> None:
    """With what it means."""
    codes = {value for name, value in vars(exit_codes).items() if name.isupper()}
    assert first_cells("## Command line") == set(map(str, codes))


@pytest.mark.parametrize("quoted", QUOTED)
def test_a_quoted_text_is_in_the_source(quoted: str) -> None:
    """So that headings do not go stale; those of LangGraph are looked for in LangGraph."""
    found = _LANGGRAPH.search(PAGE)
    assert found is not None
    assert quoted in RunReport.model_fields or is_said(quoted, is_foreign=f"### `{quoted}`" in found[1])


def test_texts_that_nothing_says_are_noticed() -> None:
    """A heading needs all of its words, in one text and in their order."""
    assert is_said("sections have cyclic needs")
    assert not is_said("cyclic needs … sections have")
    assert not is_said("sections have no needs")
