"""The pages of the patterns: one shape for all, and nothing that a reader needs is left out."""

import re
from inspect import signature
from pathlib import Path
from typing import Any

import pytest
from langgraph.pregel import Pregel

import langgraph_parallel as parallel
from docsite.drawings import CONCEPTS, graphs, nodes_in
from langgraph_parallel import agents
from langgraph_parallel.graphs.options import GraphOptions
from langgraph_parallel.prompts import list_prompts, load_prompt
from tests.support.documents import ROOT, blocks
from tests.support.pattern_pages import PAGES, page, part, rows

GRAPHS: dict[str, Any] = graphs()
NAMES = sorted([*GRAPHS, "checked_tool"])
HEADINGS = [
    "When",
    "When not",
    "Example",
    "Input and output",
    "How it works",
    "When something fails",
    "What it costs",
    "Prompts",
    "See also",
]
"""What each page says, in this order."""
FAILURES = {
    "one of several fails": r"fails?\b",
    "all fail": r"^all |^everything|^nobody",
    "a limit strikes": r"budget|deadline",
    "it is killed and resumed": r"killed",
    "its input is not valid": r"^no |^an? empty|^nothing to|^arguments",
}
"""What each table of failures has a row for."""


def keys(graph: Pregel[Any, Any, Any, Any]) -> set[str]:
    """Return the keys of a graph's input and output."""
    schemas = (graph.get_input_jsonschema(), graph.get_output_jsonschema())
    return {key for schema in schemas for key in schema["properties"]}


def test_every_pattern_has_a_page_and_the_table_of_all_leads_to_it() -> None:
    """A new graph needs a page, and a page belongs to a pattern."""
    assert sorted(path.stem for path in PAGES.glob("*.md")) == sorted([*NAMES, "index"])
    linked = [re.findall(r"\((\w+)\.md\)", cells[0]) for cells in rows(part("index", "All patterns"))]
    assert sorted(name for links in linked for name in links) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_its_page_has_all_headings_in_order(name: str) -> None:
    """And below each of them something, after a title and what the pattern does."""
    assert re.findall(r"^## (.+)$", page(name), re.MULTILINE) == HEADINGS
    assert all(len(part(name, heading).split()) > 3 for heading in HEADINGS)
    assert re.match(r"# \S.*\n\n[A-Z][^#!|]+\.\n\n", page(name))


@pytest.mark.parametrize("name", NAMES)
def test_its_page_leads_to_the_reference(name: str) -> None:
    """To the factory, by its anchor."""
    anchor = "agents.md#agentschecked_tool" if name == "checked_tool" else f"factories.md#create_{name}"
    assert f"(../reference/{anchor})" in part(name, "See also")


@pytest.mark.parametrize("name", NAMES)
def test_its_page_starts_with_an_example_that_is_run(name: str) -> None:
    """What the tests of the documents run is what stands below the heading."""
    factory = "agents.checked_tool(" if name == "checked_tool" else f" = create_{name}("
    run = [block.code for block in blocks("python") if block.document == f"patterns/{name}.md"]
    assert factory in run[0]
    assert run[0] in part(name, "Example")


@pytest.mark.parametrize("name", list(GRAPHS))
def test_its_page_names_every_key_of_input_and_output(name: str) -> None:
    """Each has a row of its own, with a meaning."""
    described = {cells[0]: cells[-1] for cells in rows(part(name, "Input and output"))}
    for key in keys(GRAPHS[name]) - ({"sections"} if name == "voting" else set()):
        assert len(described[f"`{key}`"].split()) > 1, key


@pytest.mark.parametrize("name", NAMES)
def test_its_page_names_every_prompt_with_its_variables(name: str) -> None:
    """The table has all prompts that ship for the pattern, and no others."""
    described = {cells[0].strip("`"): set(re.findall(r"\{(\w+)\}", cells[1])) for cells in _prompts(name)}
    shipped = {prompt: load_prompt(f"{name}/{prompt}").variables for prompt in _shipped(name)}
    assert described == shipped


@pytest.mark.parametrize("name", NAMES)
def test_its_page_says_how_prompts_are_replaced(name: str) -> None:
    """By `prompts=` where the factory takes it; else the page says that it does not."""
    factory = agents.checked_tool if name == "checked_tool" else getattr(parallel, f"create_{name}")
    said = part(name, "Prompts")
    assert (f"create_{name}(prompts={{" in said) == ("prompts" in signature(factory).parameters)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("case", list(FAILURES))
def test_its_page_says_what_happens_when_something_fails(name: str, case: str) -> None:
    """There is a row for each kind of failure, and each row says what comes of it."""
    table = rows(part(name, "When something fails"))
    assert any(re.search(FAILURES[case], cells[0]) for cells in table)
    assert all(len(cells) == 2 and len(cells[1].split()) > 1 for cells in table)


@pytest.mark.parametrize("name", NAMES)
def test_every_drawing_on_its_page_exists_and_says_what_it_shows(name: str) -> None:
    """A reader who cannot see it has the words."""
    drawn = re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", page(name))
    assert drawn
    for words, address in drawn:
        assert len(words.split()) > 2
        assert (PAGES / address).is_file()


@pytest.mark.parametrize("name", list(GRAPHS))
def test_its_drawing_shows_the_nodes_of_the_graph(name: str) -> None:
    """It was drawn after the last change of the graph."""
    assert f"](../drawings/{name}.svg)" in page(name)
    svg = (ROOT / "docs" / "drawings" / f"{name}.svg").read_text(encoding="utf-8")
    assert nodes_in(svg) == set(GRAPHS[name].get_graph(xray=True).nodes)


@pytest.mark.parametrize("source", sorted(CONCEPTS.glob("*.dot")), ids=lambda path: path.stem)
def test_a_conceptual_drawing_shows_its_source(source: Path) -> None:
    """Its page embeds it, and it has the nodes that its source names."""
    assert f"](../drawings/{source.stem}_idea.svg)" in page(source.stem)
    svg = (ROOT / "docs" / "drawings" / f"{source.stem}_idea.svg").read_text(encoding="utf-8")
    code = re.sub(r"//.*|\[[^\]]*\]|\"[^\"]*\"", "", source.read_text(encoding="utf-8"))
    names = set(re.findall(r"(?<!=)\b[a-z]\w*\b(?!\s*=)", code)) - {"digraph", "subgraph"}
    assert nodes_in(svg) == {name for name in names if not name.startswith("cluster_")}


def test_the_page_of_all_names_the_options_that_every_factory_takes() -> None:
    """A new option is documented there."""
    said = part("index", "What all take")
    assert all(f"`{option}=`" in said for option in GraphOptions.__annotations__)


def _shipped(name: str) -> list[str]:
    folder = ROOT / "src" / "langgraph_parallel" / "prompts" / name
    return list_prompts(name) if folder.is_dir() else []


def _prompts(name: str) -> list[list[str]]:
    return [cells for cells in rows(part(name, "Prompts")) if cells[0].startswith("`")]
