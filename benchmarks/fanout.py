"""The cost of a fan-out: wall time, CPU per call and peak memory, ours against alternatives.

    uv run python -m benchmarks.fanout [--calls 10 100 1000] [--only NAME ...]

Every way makes the same calls, all at once, to one server on loopback that answers after 200 ms in its own
process. Every measurement has its own process, too, which first warms up with a few calls. CPU is that of the
client. Ours runs with limiter, budget, deadline and run report.
"""

import argparse
import asyncio
import json
import operator
import os
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from pydantic import BaseModel
from typing_extensions import TypedDict

from benchmarks.answering import answering
from benchmarks.measuring import measure, measured_apart

QUESTION = "Is this sentence about water? Number {}: water boils at 100 °C."
CALLS = (10, 100, 1000)
Way = Callable[[int], Awaitable[None]]


class Answer(BaseModel):
    """A structured answer."""

    rationale: str
    choice: str
    confidence: float


async def raw(n: int) -> None:
    """Send POSTs on one aiohttp session, and parse the JSON: the lower bound."""
    import aiohttp

    url = f"{os.environ['OPENAI_BASE_URL']}/chat/completions"

    async def one(session: aiohttp.ClientSession, i: int) -> str:
        body = {"model": "test", "messages": [{"role": "user", "content": QUESTION.format(i)}]}
        async with session.post(url, json=body) as response:
            text: str = json.loads(await response.read())["choices"][0]["message"]["content"]
            return text

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await asyncio.gather(*(one(session, i) for i in range(n)))


async def sdk(n: int, **options: Any) -> None:
    """Use the openai SDK with its defaults."""
    from openai import AsyncOpenAI

    async with AsyncOpenAI(**options) as client:
        await asyncio.gather(
            *(
                client.chat.completions.create(
                    model="test", messages=[{"role": "user", "content": QUESTION.format(i)}]
                )
                for i in range(n)
            )
        )


async def sdk_on_aiohttp(n: int) -> None:
    """Use the openai SDK on its aiohttp transport."""
    from openai import DefaultAioHttpClient

    await sdk(n, http_client=DefaultAioHttpClient())


async def abatch(n: int) -> None:
    """Use `ChatOpenAI.abatch`."""
    from langchain_openai import ChatOpenAI

    await ChatOpenAI(model="test").abatch([QUESTION.format(i) for i in range(n)])


class _State(TypedDict):
    questions: list[str]
    answers: Annotated[list[str], operator.add]


class _Work(TypedDict):
    question: str


def tutorial_graph(ask: Callable[[str], Awaitable[str]], checkpointer: Any = None) -> Any:
    """Build the graph of LangGraph's map-reduce tutorial: a Send for each item, a list as reducer.

    Args:
        ask: answers one item.
        checkpointer: of the graph; None for none.
    """
    from langgraph.graph import END, START, StateGraph
    from langgraph.types import Send

    def scatter(state: _State) -> list[Send]:
        return [Send("work", {"question": question}) for question in state["questions"]]

    async def work(state: _Work) -> dict[str, Any]:
        return {"answers": [await ask(state["question"])]}

    builder: StateGraph[Any, Any, Any, Any] = StateGraph(_State)
    builder.add_node("plan", lambda state: {})
    builder.add_node("work", work, input_schema=_Work)
    builder.add_edge(START, "plan")
    builder.add_conditional_edges("plan", scatter, ["work"])
    builder.add_edge("work", END)
    return builder.compile(checkpointer=checkpointer)


def asking() -> Callable[[str], Awaitable[str]]:
    """Return what asks `ChatOpenAI` for a text."""
    from langchain_openai import ChatOpenAI

    model = ChatOpenAI(model="test")

    async def ask(question: str) -> str:
        return str((await model.ainvoke(question)).text)

    return ask


async def tutorial(n: int) -> None:
    """Run LangGraph's tutorial fan-out."""
    out = await tutorial_graph(asking()).ainvoke({"questions": [QUESTION.format(i) for i in range(n)]})
    assert len(out["answers"]) == n


async def tutorial_structured(n: int) -> None:
    """Run the tutorial with `with_structured_output(PydanticModel)`."""
    from langchain_openai import ChatOpenAI

    model = ChatOpenAI(model="test").with_structured_output(Answer)

    async def ask(question: str) -> str:
        answer: Any = await model.ainvoke(question)
        return str(answer.choice)

    out = await tutorial_graph(ask).ainvoke({"questions": [QUESTION.format(i) for i in range(n)]})
    assert len(out["answers"]) == n


async def tutorial_nested(n: int) -> None:
    """Nest the tutorial's graph in itself, on three levels of the cube root of n each."""
    side = round(n ** (1 / 3))
    inner = tutorial_graph(asking())

    async def middle_worker(question: str) -> str:
        return " ".join(
            (await inner.ainvoke({"questions": [f"{question} {i}" for i in range(side)]}))["answers"]
        )

    middle = tutorial_graph(middle_worker)

    async def outer_worker(question: str) -> str:
        return " ".join(
            (await middle.ainvoke({"questions": [f"{question} {i}" for i in range(side)]}))["answers"]
        )

    out = await tutorial_graph(outer_worker).ainvoke({"questions": [QUESTION.format(i) for i in range(side)]})
    assert len(out["answers"]) == side


def governed(n: int) -> Any:
    """Return limits that bound a run of n calls, and never end it."""
    from langgraph_parallel import Limits

    return Limits(concurrency=n, budget_calls=10 * n, budget_tokens=10**9, deadline=600)


def numbered(n: int) -> Callable[[str], Any]:
    """Return a planner of n sections, each with its number at the end."""
    from langgraph_parallel import Section

    def by_number(content: str) -> list[Section]:
        return [Section(id=str(i), title=str(i), content=f"{content} {i}") for i in range(n)]

    return by_number


def sectioning(n: int, schema: type[BaseModel] | None = None, **options: Any) -> Any:
    """Build ours, flat: a section for each of n calls."""
    from langgraph_parallel import Ask, create_sectioning

    return create_sectioning(
        planner=numbered(n),
        worker=Ask("{content}", model="openai:test", schema=schema),
        limits=governed(n),
        **options,
    )


async def _ours(n: int, schema: type[BaseModel] | None) -> None:
    out = await sectioning(n, schema).ainvoke({"content": QUESTION})
    assert out["run_report"].branches == {"ok": n}, out["run_report"].failures
    assert len(out["run_report"].calls) == n


async def ours(n: int) -> None:
    """Run ours, flat: one section for each call."""
    await _ours(n, None)


async def ours_structured(n: int) -> None:
    """Run ours with a schema."""
    await _ours(n, Answer)


async def ours_nested(n: int) -> None:
    """Nest ours in itself, on three levels of the cube root of n each."""
    from langgraph_parallel import Ask, create_sectioning

    side = round(n ** (1 / 3))
    inner = create_sectioning(planner=numbered(side), worker=Ask("{content}", model="openai:test"))
    middle = create_sectioning(planner=numbered(side), worker=inner)
    outer = create_sectioning(planner=numbered(side), worker=middle, limits=governed(n))
    out = await outer.ainvoke({"content": QUESTION})
    assert out["run_report"].branches == {"ok": n}, out["run_report"].failures


FLAT: dict[str, Way] = {
    "raw aiohttp": raw,
    "openai SDK": sdk,
    "openai SDK on aiohttp": sdk_on_aiohttp,
    "ChatOpenAI.abatch": abatch,
    "tutorial fan-out": tutorial,
    "ours": ours,
    "tutorial fan-out, structured": tutorial_structured,
    "ours, structured": ours_structured,
}
NESTED: dict[str, Way] = {"tutorial fan-out, nested": tutorial_nested, "ours, nested": ours_nested}
WAYS = FLAT | NESTED


def main() -> None:
    """Measure all ways, and print the table and the ratios."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, nargs="*", default=list(CALLS), help="numbers of calls")
    parser.add_argument("--only", nargs="*", default=list(WAYS), metavar="NAME", help="ways to measure")
    parser.add_argument("--one", nargs=2, metavar=("NAME", "CALLS"), help="measure here, print JSON")
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(WAYS[arguments.one[0]], int(arguments.one[1]))))
        return
    results: dict[tuple[str, int], dict[str, float]] = {}
    with answering(0.2):
        print(f"{'':30}{'calls':>6}{'wall s':>9}{'CPU ms/call':>13}{'peak MB':>9}")
        for n in arguments.calls:
            for name in arguments.only:
                if name in NESTED and n != 1000:
                    continue
                results[name, n] = measured_apart("benchmarks.fanout", name, n)
                m = results[name, n]
                print(f"{name:30}{n:>6}{m['wall']:>9.2f}{m['cpu_ms']:>13.2f}{m['peak_mb']:>9.0f}", flush=True)
    for label, one, other, n, what in (
        ("CPU, ours to tutorial", "ours", "tutorial fan-out", 1000, "cpu_ms"),
        ("wall, ours to tutorial", "ours", "tutorial fan-out", 1000, "wall"),
        ("CPU, structured", "ours, structured", "tutorial fan-out, structured", 1000, "cpu_ms"),
        ("CPU, nested", "ours, nested", "tutorial fan-out, nested", 1000, "cpu_ms"),
        ("wall, nested", "ours, nested", "tutorial fan-out, nested", 1000, "wall"),
        ("wall, ours to raw", "ours", "raw aiohttp", 10, "wall"),
    ):
        if (one, n) in results and (other, n) in results:
            print(f"{label:28} at {n:>4} calls: {results[one, n][what] / results[other, n][what]:.2f}")


if __name__ == "__main__":
    main()
