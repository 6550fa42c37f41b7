"""Drawings of the graphs and of ideas behind them, as SVG for pages and notebooks. Needs Graphviz's `dot`.

    uv run python -m docsite.drawings    # writes docs/drawings/

A graph NAME becomes `NAME.svg`, `docsite/concepts/NAME.dot` the idea of a pattern, `NAME_idea.svg`, and
`docsite/NAME.dot` a drawing of other pages, `NAME.svg`.

A page shows a drawing without any script. The colours are legible on light and on dark pages.
"""

import re
import subprocess
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "docs" / "drawings"
CONCEPTS = Path(__file__).parent / "concepts"
"""Conceptual drawings in Graphviz's language, without a style of their own."""
OTHERS = Path(__file__).parent
"""Folder of those that are not of a pattern."""
_STYLE = """
    rankdir=LR; bgcolor=transparent; nodesep=0.25; ranksep=0.45; pad=0.1;
    node [shape=box, style="rounded,filled", fillcolor="#e3ecfa", color="#5b7db1", fontcolor="#16243a",
          fontname="Helvetica,Arial,sans-serif", fontsize=12, height=0.4, margin="0.16,0.06"];
    edge [color="#7f8ea3", fontname="Helvetica,Arial,sans-serif", fontsize=10, fontcolor="#7f8ea3",
          arrowsize=0.7];
"""
_JOINS = {"gather", "tally"}
"""Nodes that wait for those of which many run at the same time, and which are drawn with a second frame."""
_ONE_BY_ONE = {"plan", "open", "ask_person", *_JOINS}


def graphs() -> dict[str, Any]:
    """Return the graphs that are drawn, one for each pattern, by name."""
    import langgraph_parallel
    from langgraph_parallel.graphs import studio

    factories = (name.partition("create_")[2] for name in langgraph_parallel.__all__ if "create_" in name)
    return {name: vars(studio)[name] for name in factories if name in vars(studio)}


def embedded() -> dict[str, Any]:
    """Return the graphs of users, with one of ours inside, that are drawn."""
    from examples import embedding

    return {"embedding": embedding.agent().compile()}


def as_dot(graph: Any) -> str:
    """Return a graph in Graphviz's language: nested graphs in frames, fans of `Send`s dashed."""
    drawn = graph.get_graph(xray=True)
    lines = [_STYLE]
    names, parallel = sorted(drawn.nodes, key=_nest), _parallel(drawn.edges)
    for nest, members in groupby(names, _nest):
        nodes = [_node(name, is_parallel=name in parallel) for name in members]
        lines += [f'subgraph "cluster_{nest}" {{ label="{nest}"; style=rounded; color="#7f8ea3";'
                  ' fontname="Helvetica,Arial,sans-serif"; fontsize=11; fontcolor="#7f8ea3";',
                  *nodes, "}"] if nest else nodes  # fmt: skip
    for edge in drawn.edges:
        enters = _nest(edge.target) in parallel and _nest(edge.source) != _nest(edge.target)
        is_fan = enters or edge.target in parallel
        style = ' [style=dashed, label="Send"]' if is_fan else " [style=dashed]" if edge.conditional else ""
        lines.append(f'"{edge.source}" -> "{edge.target}"{style};')
    return "digraph {" + "\n".join(lines) + "}"


def draw(graph: Any) -> str:
    """Return a graph as SVG.

    Raises:
        FileNotFoundError: `dot` is not installed.
    """
    return _svg(as_dot(graph))


def draw_concept(source: Path) -> str:
    """Return a conceptual drawing as SVG, in the style of the graphs.

    Raises:
        FileNotFoundError: `dot` is not installed, or there is no such source.
    """
    return _svg(source.read_text(encoding="utf-8").replace("{", "{" + _STYLE, 1))


def nodes_in(svg: str) -> set[str]:
    """Return the names of the nodes of a drawing."""
    return {name.replace("&#45;", "-") for name in re.findall(r'class="node">\s*<title>([^<]+)</title>', svg)}


def main() -> None:
    """Write all drawings."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, graph in (graphs() | embedded()).items():
        (FOLDER / f"{name}.svg").write_text(draw(graph), encoding="utf-8")
    for source in sorted(CONCEPTS.glob("*.dot")):
        (FOLDER / f"{source.stem}_idea.svg").write_text(draw_concept(source), encoding="utf-8")
    for source in sorted(OTHERS.glob("*.dot")):
        (FOLDER / f"{source.stem}.svg").write_text(draw_concept(source), encoding="utf-8")


def _svg(dot: str) -> str:
    drawn = subprocess.run(["dot", "-Tsvg"], input=dot, capture_output=True, text=True, check=True).stdout
    return re.sub(r"<!--.*?-->\n?", "", drawn[drawn.index("<svg") :], flags=re.DOTALL)


def _nest(name: str) -> str:
    return name.rpartition(":")[0]


def _short(name: str) -> str:
    return name.rpartition(":")[2]


def _parallel(edges: Iterable[Any]) -> set[str]:
    """Return the nodes, and the graphs inside, of which many run at the same time."""
    joined = [edge.source for edge in edges if _short(edge.target) in _JOINS]
    return {
        _nest(name) if _short(name) == "__end__" else name
        for name in joined
        if _short(name) not in _ONE_BY_ONE
    }


def _node(name: str, *, is_parallel: bool) -> str:
    short = _short(name)
    if short in ("__start__", "__end__"):
        return f'"{name}" [label="", shape=circle, width=0.16, height=0.16, fillcolor="#7f8ea3"];'
    frames = ", peripheries=2" if is_parallel else ""
    return f'"{name}" [label="{short}"{frames}];'


if __name__ == "__main__":
    main()
