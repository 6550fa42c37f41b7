"""Every graph of the catalogue in processes that die by themselves, at a certain write of their checkpoints.

    python -m tests.support.dying_run

Reads a line of JSON for each process that it is to fork: `graph`, a name in `GRAPHS`; `address`, an SQLite
file or `postgresql://...`; `thread`; `way`, one of `run`, `ainvoke`, `aredrive`, `redrive`; `die`, nothing or
when to die; `environment`, variables to set; and `output`, a file for the result. Answers with the process's
id.
"""

import asyncio
import json
import os
import re
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from langchain.agents import create_agent
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, SecretStr

import langgraph_parallel as parallel
from langgraph_parallel import Ask, Limits, Roster, aredrive, governed, redrive, split, synthesize
from tests.support.fans import GIVEN, nested, numbered
from tests.support.killed_run import import_all, saver_at

MODEL = "openai:test-model"
REPORTS = {"north.md": "Sales rose by 4% in spring.", "south.md": "In spring, sales fell by 2%."}
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
SIBLINGS = 2
"""Calls in flight at the same time."""


@tool
def look(text: str) -> str:
    """Look something up."""
    return f"found {text}"


def agent(*, is_governed: bool = False) -> Any:
    """Return an agent that calls a tool once."""
    address = os.environ["OPENAI_BASE_URL"]
    own = ChatOpenAI(model="own", api_key=SecretStr("test"), base_url=address, max_retries=0)
    return create_agent(governed(own) if is_governed else own, tools=[look])


GRAPHS: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "sectioning": (
        lambda **o: parallel.create_sectioning(
            planner=numbered(4),
            worker=Ask("{content}", model=MODEL),
            synthesizer=Ask("Join:\n\n{results}"),
            **o,
        ),
        GIVEN,
    ),
    "nested": (lambda **o: nested(3, 3, MODEL, **o), GIVEN),
    "voting": (
        lambda **o: parallel.create_voting(voters=4, choices=["yes", "no"], stop="all_votes", **o),
        {"question": "Is it so?"},
    ),
    "scatter_gather": (
        lambda **o: parallel.create_scatter_gather(
            sources={str(i): Ask(f"Source {i}: {{question}}") for i in range(4)},
            synthesizer=synthesize.concatenate(),
            **o,
        ),
        {"request": "a bicycle bell"},
    ),
    "map_reduce": (
        lambda **o: parallel.create_map_reduce(
            worker=Ask("Item: {content}"), synthesizer=Ask("Join:\n\n{results}"), fan_in=2, **o
        ),
        {"items": ["a", "b", "c", "d"]},
    ),
    "briefing": (parallel.create_briefing, {"documents": REPORTS}),
    "research": (parallel.create_research, {"question": "What happened?", "files": REPORTS}),
    "market_study": (
        lambda **o: parallel.create_market_study(sections={"Customers": "who buys"}, forecasters=3, **o),
        {"subject": "Cargo bicycles", "regions": ["Norway", "Spain"]},
    ),
    "moderation": (
        lambda **o: parallel.create_moderation(checks={"rude": "Is it rude?", "odd": "Is it odd?"}, **o),
        {"text": "Call me!"},
    ),
    "guarded": (
        lambda **o: parallel.create_guarded(checks={"rude": "Is it rude?"}, **o),
        {"message": "How do I mend a tube?"},
    ),
    "feedback": (parallel.create_feedback, {"texts": {"1": "Great bike!", "2": "Where is my refund?"}}),
    "labeling": (
        lambda **o: parallel.create_labeling(labels=["praise", "complaint"], **o),
        {"items": {"1": "Great bike!", "2": "Where is my refund?"}},
    ),
    "best_of": (parallel.create_best_of, {"task": "Write a headline."}),
    "brainstorm": (
        lambda **o: parallel.create_brainstorm(max_ideas=2, vote=True, **o),
        {"topic": "A library without books"},
    ),
    "debate": (
        lambda **o: parallel.create_debate(choices=["yes", "no"], max_rounds=2, **o),
        {"question": "Is it so?"},
    ),
    "review": (
        lambda **o: parallel.create_review(aspects=["security", "style"], voters=2, engines=False, **o),
        {"files": {"a.py": "x = 1\n"}},
    ),
    "agents": (
        lambda **o: parallel.create_sectioning(planner=numbered(3), worker=agent(), **o),
        GIVEN,
    ),
    "governed agents": (
        lambda **o: parallel.create_sectioning(planner=numbered(3), worker=agent(is_governed=True), **o),
        GIVEN,
    ),
    "votes of agents": (
        lambda **o: parallel.create_voting(voters=Roster(agent(), 3), stop="all_votes", **o),
        {"question": "Is it so?"},
    ),
    "items of agents": (
        lambda **o: parallel.create_map_reduce(worker=agent(), synthesizer=synthesize.concatenate(), **o),
        {"items": ["a", "b"]},
    ),
    "split": (
        lambda **o: parallel.create_sectioning(
            planner=split.by_heading(), worker=lambda section: section.content, synthesizer=agent(), **o
        ),
        {"content": "# A\n\none\n\n# B\n\ntwo"},
    ),
}


class Dying:
    """Counts what a checkpointer is told to store, and kills the process in the middle.

    Args:
        saver: the checkpointer.
        last_words: file for the number of writes that are not stored yet when the process dies.
        die: `["checkpoint", n]` to die before the n-th checkpoint of the outermost graph is stored, when all
            writes before it are; `["writes", n]` after the n-th writes are stored; None for never.
    """

    def __init__(self, saver: Any, die: list[Any] | None, last_words: Path) -> None:
        self.checkpoints = self.writes = self._begun = 0
        self._last_words = last_words
        self._die = die
        self._put, self._put_writes = saver.aput, saver.aput_writes
        saver.aput, saver.aput_writes = self.aput, self.aput_writes

    async def aput(self, config: Any, *arguments: Any, **options: Any) -> Any:
        """Store a checkpoint."""
        if not config["configurable"].get("checkpoint_ns"):
            self.checkpoints += 1
            if self._die == ["checkpoint", self.checkpoints]:
                await asyncio.sleep(0.05)  # what is being written gets written
                os.kill(os.getpid(), signal.SIGKILL)
        return await self._put(config, *arguments, **options)

    async def aput_writes(self, *arguments: Any, **options: Any) -> Any:
        """Store writes."""
        self._begun += 1
        result = await self._put_writes(*arguments, **options)
        self.writes += 1
        if self._die == ["writes", self.writes]:
            self._last_words.write_text(str(self._begun - self.writes))
            os.kill(os.getpid(), signal.SIGKILL)
        return result


async def run(wanted: dict[str, Any]) -> dict[str, Any]:
    """Run or resume a graph; return what must be the same each time."""
    config: Any = {"configurable": {"thread_id": wanted["thread"]}}
    build, given = GRAPHS[wanted["graph"]]
    async with saver_at(wanted["address"]) as saver:
        await saver.setup()
        counts = Dying(saver, wanted["die"], Path(f"{wanted['output']}.unstored"))
        graph = build(checkpointer=saver, limits=Limits(concurrency=SIBLINGS, attempts=1))
        if wanted["way"] == "run":
            # So that the calls of the next step do not begin while a checkpoint is being stored.
            out = await graph.ainvoke(given, config, durability="sync")
        elif wanted["way"] == "ainvoke":
            out = await graph.ainvoke(None, config)
        elif wanted["way"] == "aredrive":
            out = await aredrive(graph, config)
        else:
            out = await asyncio.to_thread(redrive, graph, config)
    report = out.pop("run_report")
    branches = {id: [branch.status, branch.value] for id, branch in sorted(out.pop("branches").items())}
    result = {
        "out": out,
        "branches": branches,
        "leaves": report.branches,
        "failures": report.failures,
        "calls": len(report.calls),
        "tokens": report.usage.input_tokens,
    }
    text = _UUID.sub("id", json.dumps(result, default=_plain, sort_keys=True))
    plain: dict[str, Any] = json.loads(text)
    return {"result": plain, "checkpoints": counts.checkpoints, "writes": counts.writes}


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else str(value)


def main() -> None:
    """Fork a process for every line."""
    import_all()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them: they just go
    for line in sys.stdin:
        wanted = json.loads(line)
        if pid := os.fork():
            print(pid, flush=True)
            continue
        try:
            os.environ.update(wanted["environment"])
            result = asyncio.run(run(wanted))
        except BaseException:
            result = {"error": traceback.format_exc()}
        Path(wanted["output"]).write_text(json.dumps(result))
        os._exit(0)


if __name__ == "__main__":
    main()
