"""One graph for many tenants, each with a key, kept answers, threads and memories of their own.

A key is looked up when a vote of its tenant is made, and is nowhere but in the model: not in the context, a
thread, a trace or a kept answer. Replace `KEYS` by your vault, and call `ask` where you know who asks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypedDict

from langchain_openai import ChatOpenAI
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from pydantic import SecretStr

from langgraph_parallel import AnswerCache, create_voting, limiting
from langgraph_parallel.records import Verdict

KEYS: Mapping[str, SecretStr] = {}
"""The key of each tenant. Names are yours, not theirs, and have no slash."""
ANSWERS = Path("answers")
"""Folder with a file of kept answers for each tenant."""


@dataclass
class Who:
    """The context of a run: whose it is. It is not stored, so pass it again when a run is resumed."""

    tenant: str


class State(TypedDict, total=False):
    """What a thread keeps."""

    question: str
    verdict: Verdict


@lru_cache(maxsize=256)
def vote_of(tenant: str) -> Any:
    """Return the vote of a tenant; clear the cache when a key has changed."""
    return create_voting(
        model=ChatOpenAI(model="gpt-5-mini", api_key=KEYS[tenant]),
        choices=["publish", "hold"],
        voters=3,
        cache=AnswerCache(ANSWERS / f"{tenant}.sqlite"),
        name="release",
    )


async def decide(state: State, runtime: Runtime[Who]) -> dict[str, Verdict]:
    """Let the voters of whoever asks decide, and remember it in their part of the store."""
    tenant = runtime.context.tenant
    out = await vote_of(tenant).ainvoke({"question": state["question"]})
    if runtime.store is not None:
        await runtime.store.aput((tenant, "verdicts"), state["question"], {"choice": out["verdict"].choice})
    return {"verdict": out["verdict"]}


def build(**stores: Any) -> Any:
    """Build the graph, with `checkpointer` and `store`."""
    builder = StateGraph(State, context_schema=Who)
    builder.add_node("decide", decide)
    builder.add_edge(START, "decide")
    builder.add_edge("decide", END)
    return builder.compile(**stores)


def thread_of(tenant: str, id: str) -> Any:
    """Return the config of a thread of a tenant, with the turns and the budget that its runs have."""
    limits = {"fairness_key": tenant, "budget_usd": 0.5}
    return limiting.around(limits, {"configurable": {"thread_id": f"{tenant}/{id}"}})


async def ask(graph: Any, tenant: str, id: str, question: str) -> Verdict:
    """Put a question to the voters of a tenant, on a thread of theirs."""
    out = await graph.ainvoke({"question": question}, thread_of(tenant, id), context=Who(tenant))
    verdict: Verdict = out["verdict"]
    return verdict
