"""How much a checkpoint saver holds after a run: in multiples of the run's input and results.

    uv run python -m benchmarks.stored [--only NAME ...]

Input and results are counted as JSON: of the results what a user reads (`result`, `findings`, `markdown`, and
the values of all branches). Beside it what LangGraph's tutorial graph stores for the same texts, one for each
branch, and the same values. SQLite's file is measured after it is closed, PostgreSQL's tables with their
indexes.
"""

import argparse
import asyncio
import json
import os
import random
import string
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from pydantic_core import to_json

from benchmarks.answering import answering
from benchmarks.fanout import tutorial_graph
from benchmarks.measuring import measured_apart
from benchmarks.savers import postgres, postgres_saver, postgres_size, sqlite_saver, sqlite_size

TEXTS, FILES, DOCUMENTS = 200, 200, 50
BYTES = 4000
"""Of a text, and of a document."""
SHOWN = ("result", "findings", "markdown")
"""Keys of outputs that are counted as results."""


class Words:
    """Draws text, the same in every run: words of a vocabulary of 4,000, the first ones more often."""

    def __init__(self) -> None:
        self.draw = random.Random(7)
        self._words = [self._word() for _ in range(4000)]

    def sentence(self) -> str:
        """Return a sentence of 6 to 20 words."""
        places = (int(4000 * self.draw.random() ** 2) for _ in range(self.draw.randint(6, 20)))
        return " ".join(self._words[place] for place in places).capitalize() + "."

    def text(self, size: int) -> str:
        """Return about so many bytes of sentences."""
        sentences: list[str] = []
        while sum(map(len, sentences)) < size:
            sentences.append(self.sentence())
        return " ".join(sentences)[:size]

    def module(self) -> str:
        """Return a small Python module; some have something to find."""
        parts = [f'"""{self.sentence()}"""\n\nimport os\n']
        for _ in range(self.draw.randint(2, 5)):
            name, argument = self._word(), self._word()
            risky = self.draw.random() < 0.1
            body = f'os.system("ls " + {argument})' if risky else f"{argument} = {argument}.strip().lower()"
            parts.append(
                f'\n\ndef {name}({argument}):\n    """{self.sentence()}"""\n    {body}\n'
                f"    if not {argument}:\n        return None\n    return os.path.join({argument}, "
                f'"{self._word()}")\n'
            )
        return "".join(parts)

    def _word(self) -> str:
        letters = self.draw.choices(string.ascii_lowercase, k=self.draw.randint(3, 10))
        return "w" + "".join(letters)


def _sectioning(saver: Any) -> tuple[Any, dict[str, Any]]:
    from langgraph_parallel import Ask, Section, create_sectioning

    def plan(content: list[str]) -> list[Section]:
        return [Section(id=str(i), title=str(i), content=text) for i, text in enumerate(content)]

    graph = create_sectioning(planner=plan, worker=Ask("{content}", model="openai:test"), checkpointer=saver)
    words = Words()
    return graph, {"content": [words.text(BYTES) for _ in range(TEXTS)]}


def _map_reduce(saver: Any) -> tuple[Any, dict[str, Any]]:
    from langgraph_parallel import Ask, create_map_reduce

    worker, synthesizer = Ask("{content}", model="openai:test"), Ask("{results}", model="openai:test")
    graph = create_map_reduce(worker=worker, synthesizer=synthesizer, checkpointer=saver)
    words = Words()
    return graph, {"items": [words.text(BYTES) for _ in range(TEXTS)]}


def _review(saver: Any) -> tuple[Any, dict[str, Any]]:
    from langgraph_parallel import create_review

    words = Words()
    files = {f"package/module_{i}.py": words.module() for i in range(FILES)}
    return create_review(offline=True, checkpointer=saver), {"files": files}


def _briefing(saver: Any) -> tuple[Any, dict[str, Any]]:
    from langgraph_parallel import create_briefing

    words = Words()
    documents = {f"document_{i}.md": words.text(BYTES) for i in range(DOCUMENTS)}
    return create_briefing(offline=True, checkpointer=saver), {"documents": documents}


PATTERNS: dict[str, tuple[Callable[[Any], tuple[Any, dict[str, Any]]], float]] = {
    "sectioning, stored": (_sectioning, 2.5),
    "map-reduce, stored": (_map_reduce, 2.5),
    "review, stored": (_review, 3.5),
    "briefing, stored": (_briefing, 3.5),
}
"""What builds the graph and its input, and how many times input and results a saver may hold."""


async def _ours(name: str, saver: Any, results: dict[str, Any]) -> None:
    """Run one of our graphs, and note what went in and out."""
    graph, given = PATTERNS[name][0](saver)
    out = await graph.ainvoke(given, {"configurable": {"thread_id": str(uuid4())}})
    assert not out["missing"], out["run_report"].failures
    values = [branch.value for branch in out["branches"].values()]
    shown = {key: out[key] for key in SHOWN if key in out}
    texts = next(iter(given.values()))
    results["texts"] = list(texts.values() if isinstance(texts, Mapping) else texts)
    results["values"], results["bytes"] = values, len(to_json(given)) + len(to_json([shown, values]))


async def _tutorial(saver: Any, results: dict[str, Any]) -> None:
    """Run the tutorial's graph on the same texts, to the same values."""
    texts, values = results["texts"], results["values"]
    dealt = {text: list(values[i :: len(texts)]) for i, text in enumerate(texts)}

    async def work(text: str) -> Any:
        return dealt[text]

    graph = tutorial_graph(work, saver)
    await graph.ainvoke({"questions": texts}, {"configurable": {"thread_id": str(uuid4())}})


async def sizes(name: str) -> dict[str, float]:
    """Return how many times input and results each saver holds, of ours and of the tutorial's graph."""
    found: dict[str, float] = {}
    results: dict[str, Any] = {}
    address = os.environ.get("POSTGRES")
    for whose in ("ours", "tutorial"):

        async def go(saver: Any, whose: str = whose) -> None:
            await (_ours(name, saver, results) if whose == "ours" else _tutorial(saver, results))

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "runs.sqlite"
            async with sqlite_saver(path) as saver:
                await go(saver)
            found[f"{whose}, SQLite"] = sqlite_size(path) / results["bytes"]
        if address:
            async with postgres_saver(address) as saver:
                await go(saver)
                found[f"{whose}, PostgreSQL"] = await postgres_size(saver) / results["bytes"]
    return {"bytes": results["bytes"], **found}


def print_sizes(names: list[str]) -> None:
    """Measure the patterns, each in a new process, and print a table."""
    columns = [f"{whose}, {saver}" for saver in ("SQLite", "PostgreSQL") for whose in ("ours", "tutorial")]
    with answering(0), postgres() as (address, reason):
        if address is None:
            print(f"PostgreSQL is skipped: {reason}")
        print(
            f"{'times input and results':24}{'MB':>6}"
            + "".join(f"{c:>22}" for c in columns)
            + f"{'wanted':>8}"
        )
        for name in names:
            found = measured_apart("benchmarks.stored", name, **({"POSTGRES": address} if address else {}))
            shown = "".join(f"{found[c]:>22.1f}" if c in found else f"{'-':>22}" for c in columns)
            print(f"{name:24}{found['bytes'] / 1e6:>6.2f}{shown}{PATTERNS[name][1]:>8}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="*", default=list(PATTERNS), choices=PATTERNS, metavar="NAME")
    parser.add_argument("--one", nargs=1, metavar="NAME", help="measure here, print JSON")
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(asyncio.run(sizes(arguments.one[0]))))
    else:
        print_sizes(arguments.only)
