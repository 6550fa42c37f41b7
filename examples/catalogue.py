"""Every workflow of the catalogue, each on a small input.

    uv run python examples/catalogue.py            # all
    uv run python examples/catalogue.py debate     # those that are named

Set `OPENAI_API_KEY`, `OPENAI_BASE_URL` (any compatible server) or `LANGGRAPH_PARALLEL_MODEL`. Without one,
only the workflows with engines run, and their results name the engines.
"""

import asyncio
import sys
from collections.abc import Callable
from typing import Any

import langgraph_parallel as parallel
from langgraph_parallel import Ask, errors, synthesize

NORTH = "Sales rose by 4% in spring. The shop in Oslo was closed in May, and will open again in autumn."
SOUTH = "In spring, sales fell by 2%. Nine people were hired, and the shop in Oslo stays closed."
REPORTS = {"north.md": NORTH, "south.md": SOUTH}
POSTS = {"1": "Great bike, but three weeks late!", "2": "Where is my refund? Order #4711."}

Render = Callable[[dict[str, Any]], object]
CATALOGUE: dict[str, tuple[Callable[[], Any], dict[str, Any], Render]] = {
    "scatter_gather": (
        lambda: parallel.create_scatter_gather(
            sources={
                "north": lambda request: {"item": request, "price": 12},
                "south": lambda request: {"item": request, "price": 9},
                "guess": Ask("What does this cost, in euros? Answer in a few words.\n\n{question}"),
            },
            synthesizer=synthesize.best_by("price"),
            timeout=60,
        ),
        {"request": "a bicycle bell"},
        lambda out: (out["result"], out["results"], out["missing"]),
    ),
    "map_reduce": (
        lambda: parallel.create_map_reduce(
            worker=Ask("Say in one sentence what this is about:\n\n{content}"),
            synthesizer=Ask("Make one sentence of these:\n\n{results}"),
            fan_in=2,
        ),
        {"items": [*REPORTS.values(), *POSTS.values()]},
        lambda out: out["result"],
    ),
    "briefing": (parallel.create_briefing, {"documents": REPORTS}, lambda out: out["markdown"]),
    "research": (
        parallel.create_research,
        {"question": "What happened to the shop in Oslo?", "files": REPORTS},
        lambda out: out["markdown"],
    ),
    "market_study": (
        lambda: parallel.create_market_study(sections={"Customers": "who buys, and why"}, forecasters=3),
        {"subject": "Cargo bicycles for families", "regions": ["Norway", "Spain"]},
        lambda out: out["markdown"],
    ),
    "moderation": (
        lambda: parallel.create_moderation(region="US"),
        {"text": "Call 202 456 1111 or write to ann@example.org!"},
        lambda out: out["markdown"],
    ),
    "guarded": (
        parallel.create_guarded,
        {"message": "How do I mend a bicycle tube?"},
        lambda out: out["answer"] if out["released"] else out["reason"],
    ),
    "feedback": (parallel.create_feedback, {"texts": POSTS}, lambda out: out["markdown"]),
    "labeling": (
        lambda: parallel.create_labeling(labels=["praise", "complaint", "question"]),
        {"items": POSTS},
        lambda out: [(label.item, label.label, str(label.support)) for label in out["labels"]],
    ),
    "best_of": (
        parallel.create_best_of,
        {"task": "Write a headline for a shop of used bicycles."},
        lambda out: (out["best"], out["reasons"]),
    ),
    "brainstorm": (
        lambda: parallel.create_brainstorm(max_ideas=2, vote=True),
        {"topic": "A library without books"},
        lambda out: [(idea.title, idea.by, str(idea.votes)) for idea in out["ideas"]],
    ),
    "debate": (
        lambda: parallel.create_debate(choices=["yes", "no"], max_rounds=2),
        {"question": "Is a hot dog a sandwich?"},
        lambda out: (out["verdict"].choice, [(t.round, t.debater, t.choice) for t in out["transcript"]]),
    ),
}


async def main(names: list[str]) -> None:
    """Run the named workflows, or all, one after another; each is parallel inside."""
    for name in names or CATALOGUE:
        create, inputs, render = CATALOGUE[name]
        print(f"== {name}")
        try:
            out = await create().ainvoke(inputs)
        except errors.NoModelError as error:
            print(error)
            continue
        print(render(out))
        report = out["run_report"]
        print(f"({report.branches}, {len(report.calls)} calls, {report.wall_seconds:.1f} s)\n")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
